import fc from 'fast-check';
import { parseType, typedField, typeText, type ColumnType, type TypedField } from '../../../kernel/index.js';
import { toExactNumber } from '../exact-number.js';
import { PayloadValidator } from '../payload-validator.js';
import { MAX_FIELDS_SEEN, TooManyFields } from './field-budget.js';
import { grownColumns, type Growing } from './grown-columns.js';
import { FieldNeeds } from './needed-fields.js';
import { Observation, type InferenceRules } from './observation.js';

const EVOLVES: InferenceRules = { forGood: false };
const FOR_GOOD: InferenceRules = { forGood: true };
const number = (digits: string): unknown => toExactNumber(digits, Number(digits));

function typeOf(values: readonly unknown[], rules = EVOLVES): string | undefined {
  const observation = new Observation();
  for (const value of values) observation.observe(value, 0);
  const type = observation.type(rules);
  return type && typeText(type);
}

describe('the type of a field', () => {
  it.each<[string | undefined, unknown[]]>([
    ['int', [1, -2147483648]],
    ['long', [1, 2147483648]],
    ['long', [number('9007199254740993')]],
    ['json', [number('9223372036854775808123')]],
    ['double', [1, 2.5]],
    ['double', [1, 1e300]],
    ['double', [3_000_000_000, 0.5]],
    ['json', [number('9007199254740993'), 0.5]],
    ['boolean', [true, null]],
    ['string', ['a', '']],
    ['date', ['2026-03-01', null]],
    ['string', ['2026-03-01', '2026-02-30']],
    ['timestamptz', ['2026-03-01T09:30:00Z', '2026-03-01T09:30:00.5+02:00']],
    ['string', ['2026-03-01T09:30:00']],
    ['string', ['2026-03-01', '2026-03-01T09:30:00Z']],
    ['string', ['2026-03-01T09:30:00.1234567Z']],
    ['uuid', ['550e8400-e29b-41d4-a716-446655440000']],
    ['string', ['550E8400-E29B-41D4-A716-446655440000']],
    ['string', ['123', '1.5', 'true', 'NaN']],
    ['json', [1, '1']],
    ['json', [true, 1]],
    ['json', [[], {}]],
    ['json', [{}]],
    ['list<json>', [[]]],
    ['list<json>', [[null], [[1], 'a']]],
    ['list<long>', [[1], [], [2147483648]]],
    ['struct<a: double, b: list<struct<c: string>>>', [{ a: 1 }, { a: 0.5, b: [{ c: 'x', d: null }] }]],
    [undefined, [null]],
    [undefined, []],
  ])('is %s of %j', (type, values) => expect(typeOf(values)).toBe(type));

  it.each<[string, unknown[]]>([
    ['long', [1]],
    ['double', [1, 2.5]],
    ['json', [null]],
    ['struct<a: json, b: list<long>>', [{ a: null, b: [1] }]],
  ])('is %s of %j where the schema is for good', (type, values) =>
    expect(typeOf(values, FOR_GOOD)).toBe(type),
  );
});

it('looks at so many fields of a sample, and not inside of what is json', () => {
  const fields = Object.fromEntries(Array.from({ length: MAX_FIELDS_SEEN }, (_, index) => [`f${index}`, 1]));
  const needs = new FieldNeeds([{ name: 's', type: parseType('struct<a: int>'), nullable: true }]);
  needs.observe({ s: fields }, 0);
  needs.observe({ s: fields }, 1);
  expect(() => needs.observe({ more: 1 }, 2)).toThrow(TooManyFields);
  const mixed = new Observation();
  mixed.observe({ a: 1 }, 0);
  mixed.observe(1, 1);
  mixed.observe(fields, 2);
  mixed.observe({ ...fields, more: 1 }, 3);
  expect(mixed.type(EVOLVES)).toEqual({ kind: 'json' });
});

const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    1,
    2_147_483_648,
    0.5,
    1e300,
    -7,
    '',
    'a',
    '2026-03-01',
    '12:00:00',
  ),
  fc.constantFrom<unknown>('2026-03-01T09:30:00Z', '550e8400-e29b-41d4-a716-446655440000', 'NaN', 'AAAA'),
  fc.constantFrom('9007199254740993', '12345678901234567890123', '0.12345678901234567890').map(number),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { noNullPrototype: true }),
  ),
}));
const payload = fc.dictionary(fc.constantFrom('x', 'y', 'z'), anyValue, { noNullPrototype: true });
const sample = fc.array(payload, { minLength: 1, maxLength: 6 });

const sorted = (fields: readonly TypedField[]): TypedField[] =>
  fields
    .map((field) => ({ ...field, type: sortedType(field.type) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
function sortedType(type: ColumnType): ColumnType {
  if (type.kind === 'struct') return { ...type, fields: sorted(type.fields) };
  if (type.kind !== 'list') return type;
  return { ...type, element: { ...type.element, type: sortedType(type.element.type) } };
}

/** Lists and objects are copied, numbers with their digits are not changed by anybody. */
const copyOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copyOf(member)]));
};

const NOTHING: Growing = { columns: [], lastColumnId: 4 };

function learn(payloads: readonly object[], rules: InferenceRules, before = NOTHING): Growing {
  let { columns, lastColumnId } = before;
  for (let round = 0; round < 10; round++) {
    const needs = new FieldNeeds(columns.map(typedField));
    payloads.forEach((each, index) => needs.observe(copyOf(each) as Record<string, unknown>, index));
    const needed = needs.result(rules);
    if (needed.length === 0) return { columns, lastColumnId };
    ({ columns, lastColumnId } = grownColumns({ columns, lastColumnId }, needed));
  }
  throw new Error('the schema does not settle');
}

const idsOf = (columns: Growing['columns']): number[] =>
  columns.flatMap(({ id, fields = [], former = [] }) => [id, ...idsOf(fields), ...idsOf(former)]);

describe('a schema made of a sample', () => {
  it.each([EVOLVES, FOR_GOOD])('takes every event of it (%j)', (rules) => {
    fc.assert(
      fc.property(sample, (payloads) => {
        const { columns } = learn(payloads, rules);
        const validator = new PayloadValidator(columns, { dropsUnknownNulls: !rules.forGood });
        for (const each of payloads) {
          const copy = copyOf(each) as Record<string, unknown>;
          expect([validator.normalise(copy), validator.violations(copy, 1)]).toEqual([true, []]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([EVOLVES, FOR_GOOD])('does not depend on the order of the events (%j)', (rules) => {
    fc.assert(
      fc.property(sample, fc.integer(), (payloads, seed) => {
        const shuffled = payloads
          .map((each, index) => ({ each, rank: Math.sin(seed + index) }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ each }) => each);
        const schemas = [payloads, shuffled].map((each) =>
          sorted(learn(each, rules).columns.map(typedField)),
        );
        expect(schemas[0]).toEqual(schemas[1]);
      }),
      { numRuns: 150 },
    );
  });

  it('takes everything that it took before, and gives no field id twice', () => {
    const known = fc.array(
      fc.record({
        name: fc.constantFrom('x', 'y', 'z'),
        type: fc
          .constantFrom(
            ...['int', 'long', 'float', 'double', 'decimal(9,2)', 'string', 'uuid', 'date', 'time', 'binary'],
            ...['timestamptz', 'json', 'list<int>', 'list<list<date>>', 'struct<a: int, b: struct<a: date>>'],
          )
          .map(parseType),
        nullable: fc.constant(true),
      }),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(known, sample, sample, (fields, first, second) => {
        const before = [...new Map(fields.map((field) => [field.name, field])).values()];
        const once = learn(first, EVOLVES, grownColumns(NOTHING, before));
        const { columns: both } = learn(second, EVOLVES, once);
        const validator = new PayloadValidator(both, { dropsUnknownNulls: true });
        const old = new PayloadValidator(once.columns, { dropsUnknownNulls: true });
        for (const each of first) {
          if (!old.normalise(copyOf(each) as Record<string, unknown>)) throw new Error('not learnt');
          // What a timestamptz takes as milliseconds no string does.
          if (both.some(({ type }) => type === 'string')) continue;
          expect(validator.normalise(copyOf(each) as Record<string, unknown>)).toBe(true);
        }
        for (const each of second)
          expect(validator.normalise(copyOf(each) as Record<string, unknown>)).toBe(true);
        const ids = idsOf(both);
        expect(new Set(ids).size).toBe(ids.length);
      }),
      { numRuns: 150 },
    );
  });
});
