import type { ColumnSpec } from './calls.js';

/** A value of a scalar type, as a client sends it and as a query shows it. */
export interface Sample {
  readonly sent: unknown;
  readonly shown: unknown;
}

type Type = Pick<ColumnSpec, 'type' | 'parts'>;

const same = (...values: unknown[]): Sample[] => values.map((value) => ({ sent: value, shown: value }));
const json = (...values: unknown[]): Sample[] =>
  values.map((value) => ({ sent: value, shown: JSON.stringify(value) }));

/**
 * Few values of each type, so that programs meet the same one again; the first is the plainest. The first three are those
 * of keys: of whole numbers some whose text has another order.
 */
const VALUES: Readonly<Record<string, readonly Sample[]>> = {
  int: same(0, 10, 9, -7, 2147483647, -2147483648),
  string: same('', 'a', "it's", 'Ünïcødé 🐘', 'null'),
  long: same(0, 10, 9, 9007199254740991, '9007199254740993', '-9223372036854775808'),
  boolean: same(true, false),
  double: same(0.5, 0.1, 'NaN', 5e-324, '-Infinity'),
  // 32 bits, which it keeps when its column is widened.
  float: [0.5, 0.1, -3.25, 16777216, 0.3].map((sent) => ({ sent, shown: Math.fround(sent) })),
  'decimal(9,2)': [
    ...same('0.00', '-9999999.99', '1.25'),
    { sent: 12.5, shown: '12.50' },
    { sent: '7', shown: '7.00' },
    { sent: 0, shown: '0.00' },
  ],
  'decimal(18,2)': same('1.00', '1234567890123456.78'),
  'decimal(38,2)': same('2.00', '-123456789012345678901234567890123456.78'),
  uuid: [
    ...same('00000000-0000-0000-0000-000000000000', '123e4567-e89b-12d3-a456-426614174000'),
    { sent: 'ABCDEF00-e89b-12d3-a456-426614174000', shown: 'abcdef00-e89b-12d3-a456-426614174000' },
  ],
  date: same('2026-01-01', '0001-01-01', '9999-12-31'),
  timestamp: [
    ...same('2026-01-01T00:00:00.000000', '1969-12-31T23:59:59.999999'),
    { sent: '2026-03-01T12:00:00.5', shown: '2026-03-01T12:00:00.500000' },
  ],
  timestamptz: [
    { sent: '2026-01-01T00:00:00Z', shown: '2026-01-01T00:00:00.000000Z' },
    { sent: '2026-01-01T00:30:00.000001+01:00', shown: '2025-12-31T23:30:00.000001Z' },
    { sent: '2026-01-01T01:00:00+01:00', shown: '2026-01-01T00:00:00.000000Z' },
    { sent: 1_700_000_000_123, shown: '2023-11-14T22:13:20.123000Z' },
  ],
  binary: same('', 'AAH/', 'dGlkZW1hcms='),
  time: [...same('00:00:00.000000', '23:59:59.999999'), { sent: '12:30:00.5', shown: '12:30:00.500000' }],
  json: json({ a: [1, null] }, 'text', 7, [], { a: { b: '0.10' } }),
};

const part = (name: string, type: string | Type, nullable = true): ColumnSpec => ({
  name,
  ...(typeof type === 'string' ? { type } : type),
  nullable,
  filling: undefined,
});
const listOf = (type: string | Type): Type => ({ type: 'list', parts: [part('element', type)] });
const structOf = (...parts: ColumnSpec[]): Type => ({ type: 'struct', parts });

const NESTED: readonly Type[] = [
  structOf(part('n', 'int'), part('s', 'string')),
  listOf('int'),
  listOf(structOf(part('a b', 'string', false), part('more', listOf('float')))),
  structOf(part('in', structOf(part('n', 'long'), part('x', 'decimal(9,2)'))), part('at', 'timestamptz')),
];

export const SCALARS: readonly Type[] = Object.keys(VALUES).map((type) => ({ type }));
export const TYPES: readonly Type[] = [...SCALARS, ...NESTED, ...NESTED];
export const isKeyType = (type: string): boolean => !/^(?:float|double|json|list|struct)/.test(type);

/** Of decimals that only tables which learn have, those of another one that fit. */
export const samplesOf = (type: string): readonly Sample[] =>
  VALUES[type] ?? VALUES[type.startsWith('decimal') ? 'decimal(9,2)' : ''] ?? [];

const UUID = '123e4567-e89b-12d3-a456-426614174000';
const INSTANT = '2026-01-01T00:30:00.000001+01:00';

/** What events bring to tables that learn: of each kind some, and some that one column cannot have together. */
export const UNTYPED: readonly unknown[] = [
  ...[1, 'a', true, 2.5, null, '2026-01-01', [1, null, 3], { k: 1 }],
  ...[2147483648, 9007199254740991, 0.1, '17', UUID, INSTANT, 1_700_000_000_123],
  ...[[], [2.5], ['a'], [[1], []], [{ k: 'a' }]],
  ...[
    {},
    { k: 2.5, l: 'a' },
    { k: null },
    { l: { m: true } },
    { k: 'a', l: null },
    { K: 1 },
    [{ l: [] }, null],
  ],
];

/** What events bring to one column: often what makes it wider, and not json at once. */
export const LESSONS: readonly (readonly unknown[])[] = [
  [INSTANT, 1_700_000_000_123, 'a'],
  [1, 2147483648, 9007199254740991, 2.5],
  ['2026-01-01', UUID, 'a', INSTANT],
  UNTYPED,
];

/** As it is sent. Parts are null or absent here and there, where they may be. */
export function valueOf({ type, parts = [] }: Type, at: number): unknown {
  if (parts.length === 0) {
    const samples = samplesOf(type);
    return samples[at % samples.length]?.sent;
  }
  const partOf = (part: ColumnSpec, place: number): unknown =>
    part.nullable && (at + 3 * place) % 5 === 4 ? null : valueOf(part, at + 2 * place);
  if (type === 'list') {
    return parts.flatMap((part) => Array.from({ length: at % 4 }, (_, place) => partOf(part, place)));
  }
  const present = parts.filter(
    ({ nullable, filling }, place) => !((nullable || filling !== undefined) && (at + place) % 4 === 3),
  );
  return Object.fromEntries(present.map((part, place) => [part.name, partOf(part, place)]));
}

/** What a query shows of the value in a column of the scalar type; undefined where the column does not take it. */
export function shownBy(type: string, value: unknown): unknown {
  const sample = VALUES[type]?.find(({ sent }) => sent === value);
  if (sample !== undefined) return sample.shown;
  switch (type) {
    case 'json':
      return JSON.stringify(value);
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'int':
      return Number.isInteger(value) && value === (Number(value) | 0) ? value : undefined;
    case 'long':
      return wholeNumber(value);
    case 'double':
      return typeof value === 'number' || isSpecial(value) ? value : undefined;
    case 'float':
      return isSpecial(value) ? value : floatOf(value);
    case 'timestamptz':
      return typeof value === 'number' ? instantText(value) : undefined;
    default:
      return type.startsWith('decimal') ? decimalText(type, value) : undefined;
  }
}

const isSpecial = (value: unknown): boolean =>
  typeof value === 'string' && ['NaN', 'Infinity', '-Infinity'].includes(value);

const LAST_INSTANT = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Of a time after 1970. */
const instantText = (ms: number): string | undefined =>
  Number.isInteger(ms) && ms <= LAST_INSTANT ? new Date(ms).toISOString().replace('Z', '000Z') : undefined;

function wholeNumber(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (typeof value !== 'string' || !/^-?\d+$/.test(value)) return undefined;
  const whole = BigInt(value);
  if (BigInt.asIntN(64, whole) !== whole) return undefined;
  return Number.isSafeInteger(Number(whole)) ? Number(whole) : String(whole);
}

/** Of fractions the nearest of 32 bits. */
function floatOf(value: unknown): number | undefined {
  if (typeof value !== 'number') return undefined;
  const nearest = Math.fround(value);
  return !Number.isInteger(value) || nearest === value ? nearest : undefined;
}

function decimalText(type: string, value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const [precision = 0, scale = 0] = (type.match(/\d+/g) ?? []).map(Number);
  const [, whole = '', places = ''] = /^(-?\d+)(?:\.(\d+))?$/.exec(String(value)) ?? [];
  const fits = whole !== '' && places.length <= scale && whole.replace('-', '').length <= precision - scale;
  return fits ? `${whole}.${places.padEnd(scale, '0')}` : undefined;
}

/** What a column of each type may become. */
const WIDER: Readonly<Record<string, readonly string[]>> = {
  int: ['long'],
  float: ['double'],
  'decimal(9,2)': ['decimal(18,2)', 'decimal(38,2)'],
  'decimal(18,2)': ['decimal(38,2)'],
};

export const widerThan = (type: string): readonly string[] => WIDER[type] ?? [];
export const isOrBecomes = (from: string, to: string): boolean => from === to || widerThan(from).includes(to);

/** No value of any type but json. */
export const MISFIT = { not: 'a value' };
