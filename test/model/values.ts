/** A value of a type, as a client sends it and as a query shows it. */
export interface Sample {
  readonly type: string;
  readonly sent: unknown;
  readonly shown: unknown;
}

type Shown = Omit<Sample, 'type'>;

const same = (...values: unknown[]): Shown[] => values.map((value) => ({ sent: value, shown: value }));
const json = (...values: unknown[]): Shown[] =>
  values.map((value) => ({ sent: value, shown: JSON.stringify(value) }));

/**
 * Few values of each type, so that programs meet the same one again; the first is the plainest. The first three are those
 * of keys: of whole numbers some whose text has another order.
 */
const VALUES: Readonly<Record<string, readonly Shown[]>> = {
  int: same(0, 10, 9, -7, 2147483647, -2147483648),
  string: same('', 'a', "it's", 'Ünïcødé 🐘', 'null'),
  long: same(0, 10, 9, 9007199254740991, '9007199254740993', '-9223372036854775808'),
  boolean: same(true, false),
  double: same(0.5, 0.1, 'NaN', 5e-324, '-Infinity'),
  float: same(0.5, 0.1, -3.25, 16777216, 0.3),
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
  'list<long>': same([], [1, null, 3], ['9007199254740993']),
  'struct<n: int, s: string>': [
    ...same({ n: 1, s: 'a' }, { n: null, s: null }),
    { sent: { s: '' }, shown: { n: null, s: '' } },
    { sent: {}, shown: { n: null, s: null } },
  ],
  'list<struct<"a b": string not null, more: list<double>>>': [
    ...same([], [{ 'a b': 'x', more: [0.1, null] }, null]),
    { sent: [{ 'a b': 'y' }], shown: [{ 'a b': 'y', more: null }] },
  ],
  json: json({ a: [1, null] }, 'text', 7, [], { a: { b: '0.10' } }),
};

export const TYPES = Object.keys(VALUES);
export const isKeyType = (type: string): boolean => !/^(?:float|double|json|list|struct)/.test(type);

const SAMPLES = new Map(
  Object.entries(VALUES).map(([type, values]) => [type, values.map((value): Sample => ({ type, ...value }))]),
);

export const samplesOf = (type: string): readonly Sample[] => SAMPLES.get(type) ?? [];

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

/** A value that was accepted by a column of type `as`. A float has 32 bits, and keeps them when its column is widened. */
export function shownAs({ sent, shown }: Sample, as: string): unknown {
  return as === 'float' ? Math.fround(Number(sent)) : shown;
}
