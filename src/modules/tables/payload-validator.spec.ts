import type { Column } from '../../kernel/index.js';
import { defineTable } from './table-definition.js';
import { PayloadValidator } from './payload-validator.js';

const COLUMNS: Column[] = [
  { id: 5, name: 'id', type: 'long', nullable: false },
  { id: 6, name: 'amount', type: 'decimal(10,2)', nullable: true, default: '0' },
  { id: 7, name: 'constructor', type: 'string', nullable: true },
  { id: 8, name: 'unit price', type: 'double', nullable: true },
  { id: 9, name: 'extra', type: 'json', nullable: true, default: { a: 1 } },
];
const parse = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe('PayloadValidator', () => {
  const validator = new PayloadValidator(COLUMNS);

  it('puts values into the form of the body and fills defaults in', () => {
    const payload = parse('{"amount":1.5,"id":"7","extra":[1]}');
    expect(validator.normalise(payload)).toBe(true);
    expect(JSON.stringify(payload)).toBe('{"amount":"1.50","id":7,"extra":"[1]"}');
    const bare = parse('{"id":1}');
    expect(validator.normalise(bare)).toBe(true);
    expect(bare).toEqual({ id: 1, amount: '0.00', extra: '{"a":1}' });
  });

  it('takes null for what it is, without the default', () => {
    const payload = parse('{"id":1,"amount":null,"extra":null}');
    expect(validator.normalise(payload)).toBe(true);
    expect(payload).toEqual({ id: 1, amount: null, extra: null });
  });

  it('names every field that is wrong', () => {
    const payload = parse(
      '{"amount":1.555,"constructor":5,"unit price":"x","other":true,"__proto__":{"id":3}}',
    );
    expect(validator.normalise(payload)).toBe(false);
    expect(validator.violations(payload, 100)).toEqual([
      expect.objectContaining({ path: '.id', expected: 'long', found: 'nothing' }),
      expect.objectContaining({ path: '.amount', expected: 'decimal(10,2)', found: '1.555' }),
      expect.objectContaining({ path: '.constructor', expected: 'string', found: '5' }),
      expect.objectContaining({ path: "['unit price']", expected: 'double', found: '"x"' }),
      expect.objectContaining({ path: '.other', expected: 'none', found: 'true' }),
      expect.objectContaining({ path: '.__proto__', expected: 'none', found: 'an object' }),
    ]);
    expect(validator.violations(payload, 2)).toHaveLength(2);
  });

  it('names only what is wrong after the fields before it were changed', () => {
    const payload = parse('{"id":"1","amount":2,"extra":{},"unit price":true}');
    expect(validator.normalise(payload)).toBe(false);
    expect(validator.violations(payload, 100).map((violation) => violation.path)).toEqual(["['unit price']"]);
  });

  it('refuses null and absence where the column is required', () => {
    expect(validator.normalise(parse('{"id":null}'))).toBe(false);
    expect(validator.violations(parse('{"id":null}'), 100)[0]).toMatchObject({ path: '.id', found: 'null' });
    expect(validator.normalise(parse('{}'))).toBe(false);
  });

  it('does not take what objects inherit for a field', () => {
    const strict = new PayloadValidator([{ id: 5, name: 'toString', type: 'string', nullable: false }]);
    expect(strict.normalise(parse('{}'))).toBe(false);
    expect(strict.normalise(parse('{"toString":"x"}'))).toBe(true);
  });

  it('shortens what was found', () => {
    const [violation] = validator.violations({ id: 'x'.repeat(1000) }, 1);
    expect(violation?.found.length).toBeLessThan(100);
  });
});

describe('PayloadValidator with nested columns', () => {
  const { columns } = defineTable({
    tableName: 'orders',
    columns: [
      {
        name: 'lines',
        type: 'list<struct<sku: string not null, "unit price": decimal(9,2) default "0", tags: list<int not null>>>',
        nullable: false,
      },
      { name: 'meta', type: 'struct<seen: time, more: json, key: binary, toString: int>' },
      { name: 'filled', type: 'struct<j: json, n: long>', default: { j: { a: 1 }, n: '5' } },
    ],
  });
  const validator = new PayloadValidator(columns);
  const violations = (text: string, limit = 100) => {
    const payload = parse(text);
    expect(validator.normalise(payload)).toBe(false);
    return validator.violations(payload, limit);
  };

  it('puts values inside of lists and structs into the form of the body, defaults included', () => {
    const payload = parse(
      '{"lines":[{"sku":"a"},null,{"sku":"b","unit price":1.5,"tags":[]}],"meta":{"more":[1]}}',
    );
    expect(validator.normalise(payload)).toBe(true);
    expect(payload).toEqual({
      lines: [{ sku: 'a', 'unit price': '0.00' }, null, { sku: 'b', 'unit price': '1.50', tags: [] }],
      meta: { more: '[1]' },
      filled: { j: '{"a":1}', n: 5 },
    });
  });

  it('names the place inside of lists and structs, and the type that is expected there', () => {
    const text =
      '{"lines":[{"sku":"a"},{"sku":null,"tags":[1,null,"x"]},7,{"tags":{},"price":1}],"meta":{"key":"A","toString":"x"}}';
    expect(violations(text)).toEqual([
      { path: '.lines[1].sku', expected: 'string', rule: 'a string; not null', found: 'null' },
      expect.objectContaining({ path: '.lines[1].tags[1]', expected: 'int', found: 'null' }),
      expect.objectContaining({ path: '.lines[1].tags[2]', expected: 'int', found: '"x"' }),
      expect.objectContaining({ path: '.lines[2]', rule: 'an object', found: '7' }),
      expect.objectContaining({ path: '.lines[3].sku', expected: 'string', found: 'nothing' }),
      expect.objectContaining({ path: '.lines[3].tags', expected: 'list<int not null>', found: 'an object' }),
      expect.objectContaining({
        path: '.lines[3].price',
        expected: 'none',
        rule: 'nothing: the struct has no such field',
      }),
      expect.objectContaining({ path: '.meta.key', expected: 'binary', found: '"A"' }),
      expect.objectContaining({ path: '.meta.toString', expected: 'int', found: '"x"' }),
    ]);
    expect(violations(text, 4)).toHaveLength(4);
  });

  it('refuses null and absence of a required list', () => {
    expect(violations('{}')).toEqual([
      expect.objectContaining({ path: '.lines', rule: 'an array; not null' }),
    ]);
    expect(violations('{"lines":null}')).toEqual([
      expect.objectContaining({ path: '.lines', found: 'null' }),
    ]);
  });

  it('has the same default for every payload, whatever became of those before', () => {
    expect(violations('{"lines":[],"none":1}').map(({ path }) => path)).toEqual(['.none']);
    const payload = parse('{"lines":[]}');
    expect(validator.normalise(payload)).toBe(true);
    expect(payload.filled).toEqual({ j: '{"a":1}', n: 5 });
  });
});
