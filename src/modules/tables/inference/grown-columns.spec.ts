import {
  columnTypeText,
  parseType,
  typedField,
  type Column,
  type TypedField,
} from '../../../kernel/index.js';
import { incompatibilities } from '../compatibility.js';
import { PayloadValidator } from '../payload-validator.js';
import { grownColumns, type Growing } from './grown-columns.js';

const field = (name: string, type: string, more: Partial<TypedField> = {}): TypedField => ({
  name,
  type: parseType(type),
  nullable: true,
  ...more,
});
const table = (...fields: TypedField[]): Growing => grownColumns({ columns: [], lastColumnId: 4 }, fields);
const grow = (before: Growing, name: string, type: string) => {
  const grown = grownColumns(before, [field(name, type)]);
  const column = grown.columns.find((each) => each.name === name);
  if (column === undefined) throw new Error(`there is no ${name}`);
  return { ...grown, column };
};
const shape = ({ id, formerIds, former, fields }: Column): object => ({
  id,
  ...(formerIds && { formerIds }),
  ...(former && { former: former.map(shape) }),
  ...(fields && { fields: fields.map(shape) }),
});

describe('columns with room for more', () => {
  it('keep their ids where their files can be read as the new type', () => {
    const before = table(field('a', 'int'), field('s', 'struct<x: int, l: list<float>>'));
    expect(shape(grow(before, 'a', 'long').column)).toEqual({ id: 5 });
    const { column, lastColumnId } = grow(before, 's', 'struct<x: long, l: list<double>, n: list<int>>');
    expect(columnTypeText(column)).toBe('struct<x: long, l: list<double>, n: list<int>>');
    expect(shape(column)).toEqual({
      id: 6,
      fields: [{ id: 7 }, { id: 8, fields: [{ id: 9 }] }, { id: 10, fields: [{ id: 11 }] }],
    });
    expect(lastColumnId).toBe(11);
  });

  it('get new ids where not, and remember the old ones', () => {
    const before = table(field('a', 'int'), field('s', 'struct<x: int, d: date>'));
    const once = grow(before, 'a', 'double');
    expect(shape(once.column)).toEqual({ id: 9, formerIds: [5], former: [{ id: 5 }] });
    const twice = grow(once, 'a', 'string');
    expect(columnTypeText(twice.column)).toBe('json');
    expect(shape(twice.column)).toEqual({
      id: 10,
      formerIds: [5, 9],
      former: [{ id: 5 }, { id: 9, formerIds: [5] }],
    });
    const nested = grow(twice, 's', 'struct<x: int, d: string, n: int>');
    expect(shape(nested.column)).toEqual({
      id: 11,
      formerIds: [6],
      former: [{ id: 6, fields: [{ id: 7 }, { id: 8 }] }],
      fields: [{ id: 12, formerIds: [7] }, { id: 13, formerIds: [8] }, { id: 14 }],
    });
    expect(nested.lastColumnId).toBe(14);
  });

  it('keep what else they have: place, nullability, default and doc', () => {
    const before = table(
      field('a', 'timestamptz', { nullable: false, default: 0, doc: 'when' }),
      field('s', 'struct<x: int not null default 1 comment "x">', { nullable: false }),
    );
    const made = { ...before, columns: before.columns.map((each) => ({ ...each, nullable: false })) };
    const { columns } = grownColumns(made, [field('a', 'string'), field('s', 'struct<x: double, y: int>')]);
    expect(columns.map(typedField)).toMatchObject([
      { name: 'a', nullable: false, default: '1970-01-01T00:00:00.000000Z', doc: 'when' },
      { name: 's', nullable: false },
    ]);
    expect(columnTypeText(columns[1] as Column)).toBe(
      'struct<x: double not null default 1 comment "x", y: int>',
    );
    const payload: Record<string, unknown> = { s: {} };
    expect(new PayloadValidator(columns).normalise(payload)).toBe(true);
    expect(payload).toEqual({ a: '1970-01-01T00:00:00.000000Z', s: { x: 1 } });
  });

  it.each([
    ['timestamptz', '2026-03-01T01:02:03.5+01:00', '2026-03-01T00:02:03.500000Z'],
    ['timestamp', '2026-03-01T01:02:03', '2026-03-01T01:02:03.000000'],
    ['time', '01:02:03.25', '01:02:03.250000'],
    ['date', '2026-03-01', '2026-03-01'],
    ['uuid', '550E8400-e29b-41d4-a716-446655440000', '550e8400-e29b-41d4-a716-446655440000'],
    ['decimal(9,2)', 1.5, '1.50'],
    ['float', 0.1, 0.10000000149011612],
    ['float', 'NaN', 'NaN'],
    ['list<struct<at: time>>', [{ at: '01:02:03' }, null], [{ at: '01:02:03.000000' }, null]],
    ['struct<j: json, n: int default 7, x: date>', { j: { a: 1 } }, { j: { a: 1 }, n: 7, x: null }],
  ])('have the default of a %s as queries showed it, once they are json', (type, filling, shown) => {
    const { columns } = grownColumns(table(field('a', type, { default: filling })), [field('a', 'json')]);
    expect(columns[0]).toMatchObject({ type: 'json', default: shown });
  });

  it('have a default that the next type takes when a part of them changes', () => {
    const before = table(
      field('s', 'struct<at: timestamptz, j: json, n: int default 7>', { default: { at: 0, j: { x: [1] } } }),
    );
    const { columns } = grownColumns(before, [field('s', 'struct<at: string>')]);
    const payload: Record<string, unknown> = {};
    expect(new PayloadValidator(columns).normalise(payload)).toBe(true);
    expect(payload).toEqual({ s: { at: '1970-01-01T00:00:00.000000Z', j: '{"x":[1]}', n: 7 } });
  });

  it.each([
    ['list<float>', [0.1, null], 'list<double>', [0.10000000149011612, null]],
    ['struct<x: float, t: time>', { x: 0.1, t: '01:02:03' }, 'struct<x: double>', { x: 0.10000000149011612 }],
  ])(
    'have the default of a %s, %j, as queries showed it, when a part is wider: %s',
    (type, filling, next, due) => {
      const { columns } = grownColumns(table(field('a', type, { default: filling })), [field('a', next)]);
      const payload: Record<string, unknown> = {};
      expect(new PayloadValidator(columns).normalise(payload)).toBe(true);
      expect(payload).toMatchObject({ a: due });
    },
  );

  it('become json as a whole when they have changed too often', () => {
    const names = Array.from({ length: 12 }, (_, index) => `f${index}`);
    let grown = table(field('s', `struct<${names.map((name) => `${name}: int`).join(', ')}>`));
    for (const name of names) grown = grow(grown, 's', `struct<${name}: string>`);
    const [column] = grown.columns;
    expect(column?.type).toBe('json');
    expect(column?.former).toHaveLength(9);
  });

  it('are told by their former ids when compatibility is judged', () => {
    const before = table(field('a', 'int'), field('l', 'list<int>'), field('s', 'struct<x: int>'));
    const { columns } = grownColumns(before, [
      field('a', 'double'),
      field('l', 'list<long>'),
      field('s', 'struct<y: int>'),
    ]);
    expect(incompatibilities(before.columns, columns, 'backward')).toEqual([]);
    expect(incompatibilities(before.columns, columns, 'full')).toEqual([
      expect.objectContaining({ column: 'a', rule: 'type_widened' }),
      expect.objectContaining({ column: 'l.element', rule: 'type_widened' }),
    ]);
  });
});
