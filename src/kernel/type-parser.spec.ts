import fc from 'fast-check';
import {
  LIST_ELEMENT,
  MAX_TYPE_DEPTH,
  SIMPLE_TYPES,
  type ColumnType,
  type TypedField,
} from './column-type.js';
import { MAX_TYPE_CHARS, parseColumnType, parseType, TypeTextError } from './type-parser.js';
import { typeText } from './type-text.js';

const attributes = (mayDefault: boolean) =>
  fc.record(
    {
      nullable: fc.boolean(),
      doc: fc.string({ unit: 'binary' }),
      ...(mayDefault && {
        default: fc.oneof(fc.string({ unit: 'binary' }), fc.boolean(), fc.integer(), fc.constant(-1.5e-7)),
      }),
    },
    { requiredKeys: ['nullable'] },
  );

const types = fc.letrec<{ type: ColumnType }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...SIMPLE_TYPES).map((kind): ColumnType => ({ kind })),
    fc
      .integer({ min: 1, max: 38 })
      .chain((precision) =>
        fc
          .integer({ min: 0, max: precision })
          .map((scale): ColumnType => ({ kind: 'decimal', precision, scale })),
      ),
    fc.tuple(tie('type'), attributes(false)).map(([type, more]): ColumnType => {
      return { kind: 'list', element: { name: LIST_ELEMENT, type, ...more } };
    }),
    fc
      .array(fc.tuple(fc.string({ unit: 'binary' }), tie('type'), attributes(true)), {
        minLength: 1,
        maxLength: 4,
      })
      .map((parts): ColumnType => {
        const fields = parts.map(([name, type, more]): TypedField => ({ name, type, ...more }));
        return { kind: 'struct', fields };
      }),
  ),
})).type;

function faultOf(text: string): string {
  try {
    parseType(text);
  } catch (error) {
    if (error instanceof TypeTextError) return error.message;
    throw error;
  }
  throw new Error(`${text} is a type`);
}

describe('parseType', () => {
  it('reads what typeText wrote', () => {
    fc.assert(
      fc.property(types, (type) => expect(parseType(typeText(type))).toEqual(type)),
      { numRuns: 500 },
    );
  });

  it.each([
    ['long', 'long'],
    [' decimal ( 18 ,\n4 ) ', 'decimal(18,4)'],
    ['list< list<string not null>>', 'list<list<string not null>>'],
    ['struct<a:int,"b":list<double>>', 'struct<a: int, b: list<double>>'],
    ['struct<"odd name": int, "\\u0061.b": int>', 'struct<"odd name": int, "a.b": int>'],
    ['struct<list: int, not: int not null>', 'struct<list: int, not: int not null>'],
    [
      'struct<a: int not null default -5 comment "five"  >',
      'struct<a: int not null default -5 comment "five">',
    ],
  ])('reads %p', (text, canonical) => {
    expect(typeText(parseType(text))).toBe(canonical);
  });

  it.each([
    ['text', /^expected one of boolean, .* at character 1 of the type; found text$/],
    ['LONG', /^expected one of boolean/],
    ['', /^expected a type at character 1 of the type; found its end$/],
    ['int long', /^expected the end at character 5 of the type; found long$/],
    ['decimal', /^expected "\(" at character 8/],
    ['decimal(39,0)', /^expected a number from 1 to 38 at character 9 of the type; found 39$/],
    ['decimal(4,5)', /^expected a number from 0 to 4 at character 11/],
    ['decimal(1e1,0)', /^expected a number from 1 to 38/],
    ['list', /^expected "<" at character 5/],
    ['list<>', /^expected a type at character 6/],
    ['list<int', /^expected ">" at character 9/],
    ['list<int default 1>', /^expected ">" at character 10/],
    ['list<int not>', /^expected null at character 13/],
    ['struct<>', /^expected the name of a field at character 8/],
    ['struct<a int>', /^expected ":" at character 10/],
    ['struct<a: int,>', /^expected the name of a field at character 15/],
    [
      'struct<a: int default null>',
      /^expected a text in double quotes, a number, true or false at character 23/,
    ],
    ['struct<a: int default 1e999>', /^expected a text in double quotes, a number/],
    ['struct<a: int default 007>', /^expected a text in double quotes, a number/],
    ['struct<a: int comment 5>', /^expected a text in double quotes at character 23/],
    ['struct<"a: int>', /^expected a name, a type or one of .* at character 8/],
    ['struct<"\\x": int>', /^expected a text in double quotes, as in JSON at character 8/],
    ['map<string, int>', /^expected one of/],
    ['list<int>;', /^expected a name, a type or one of .* at character 10 of the type; found ;$/],
    ['\ud800', /found \ufffd$/],
    [`${'x'.repeat(90)}`, /found x{40}…$/],
  ])('refuses %p', (text, message) => {
    expect(faultOf(text)).toMatch(message);
    expect(parseColumnType(text)).toBeUndefined();
  });

  it('reads lists and structs up to the limit inside each other, and refuses one more', () => {
    const nested = (depth: number) => `${'list<'.repeat(depth)}int${'>'.repeat(depth)}`;
    expect(typeText(parseType(nested(MAX_TYPE_DEPTH)))).toBe(nested(MAX_TYPE_DEPTH));
    expect(faultOf(nested(MAX_TYPE_DEPTH + 1))).toMatch(
      /^expected 16 lists and structs inside each other at most/,
    );
    expect(faultOf('struct<a: '.repeat(50_000))).toMatch(/more than 100000 characters/);
    expect(faultOf('list<'.repeat(MAX_TYPE_CHARS / 5))).toMatch(/inside each other at most/);
  });
});
