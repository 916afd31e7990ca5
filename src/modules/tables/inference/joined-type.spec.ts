import fc from 'fast-check';
import { parseType, typeText, type ColumnType } from '../../../kernel/index.js';
import { joinedType } from './joined-type.js';

const joined = (a: string, b: string): string => typeText(joinedType(parseType(a), parseType(b)));

const simple = fc.constantFrom(
  ...['boolean', 'int', 'long', 'float', 'double', 'string', 'uuid', 'binary', 'date', 'time'],
  ...['timestamp', 'timestamptz', 'json', 'decimal(9,2)', 'decimal(38,0)', 'decimal(20,18)', 'decimal(3,3)'],
);
const { type: anyType } = fc.letrec<{ type: string }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small' },
    simple,
    tie('type').map((inner) => `list<${inner}>`),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('type'), { minKeys: 1 }).map(
      (fields) =>
        `struct<${Object.entries(fields)
          .map(([name, type]) => `${name}: ${type}`)
          .join(', ')}>`,
    ),
  ),
}));

/** Fields in the order of their names: joining keeps the order of the first side. */
const sorted = (type: ColumnType): ColumnType => {
  if (type.kind === 'list') return { ...type, element: { ...type.element, type: sorted(type.element.type) } };
  if (type.kind !== 'struct') return type;
  const fields = type.fields.map((field) => ({ ...field, type: sorted(field.type) }));
  return { ...type, fields: fields.sort((a, b) => (a.name < b.name ? -1 : 1)) };
};
const normal = (a: string, b: string): string => typeText(sorted(parseType(joined(a, b))));

describe('joining types', () => {
  it.each([
    ['int', 'decimal(9,2)', 'decimal(12,2)'],
    ['long', 'decimal(38,30)', 'json'],
    ['list<int>', 'list<string>', 'list<json>'],
    ['list<int>', 'int', 'json'],
    ['struct<a: int, b: date>', 'struct<b: string, c: int>', 'struct<a: int, b: string, c: int>'],
    ['struct<a: int not null>', 'struct<a: int not null>', 'struct<a: int not null>'],
    ['struct<a: int not null>', 'struct<b: int>', 'struct<a: int, b: int>'],
  ])('%s and %s are %s', (a, b, together) => expect(joined(a, b)).toBe(together));

  it('does not depend on which side comes first, nor on how three are paired', () => {
    fc.assert(
      fc.property(anyType, anyType, anyType, (a, b, c) => {
        expect(normal(a, b)).toBe(normal(b, a));
        expect(normal(joined(a, b), c)).toBe(normal(a, joined(b, c)));
      }),
      { numRuns: 500 },
    );
  });

  it('leaves a type as it is when it is joined with itself, or again with what it was joined with', () => {
    fc.assert(
      fc.property(anyType, anyType, (a, b) => {
        expect(joined(a, a)).toBe(typeText(parseType(a)));
        expect(joined(joined(a, b), b)).toBe(joined(a, b));
      }),
      { numRuns: 500 },
    );
  });
});
