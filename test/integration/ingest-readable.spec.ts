import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import type { Column } from '../../src/kernel/index.js';
import type { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { CanonicalWriter } from '../../src/modules/ingest/canonical-form.js';
import { parseLossless } from '../../src/modules/ingest/lossless-json.js';
import { writeAccepted } from '../support/accepted-records.js';
import { COLUMN_NAMES } from '../support/typed-samples.js';
import { newWriteEngine, testFolder, type TestFolder } from '../support/engine.js';

/** Whatever is accepted must be readable by the coordinator, and come out as the value that went in. */

let folder: TestFolder;
let engine: DuckDbWriteEngine;

beforeAll(async () => {
  folder = await testFolder();
  engine = newWriteEngine(folder);
});

afterAll(async () => {
  await engine.close();
  await folder.remove();
});

/** A value as JSON text, and what `read` must answer for it. */
interface Sample {
  readonly source: string;
  readonly expected: string | null;
}

interface TypeCase {
  readonly type: string;
  readonly samples: fc.Arbitrary<Sample>;
  /** SQL over the column that answers text which compares exactly. */
  readonly read: (column: string) => string;
  /** Puts what was read into the form of `expected`. */
  readonly normal?: (read: string) => string;
}

const asText = (column: string) => `${column}::VARCHAR`;
const asMicroseconds = (column: string) => `epoch_us(${column})::VARCHAR`;
const sample = (source: unknown, expected: string): Sample => ({ source: JSON.stringify(source), expected });

const integers = (bits: bigint) => fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n });
const FIRST_MS = Date.parse('0001-01-02T00:00:00Z');
const LAST_MS = Date.parse('9999-12-30T00:00:00Z');
const wholeSeconds = fc.integer({ min: Math.ceil(FIRST_MS / 1000), max: Math.floor(LAST_MS / 1000) });
const fractions = fc.stringMatching(/^(|\.[0-9]{1,6})$/);
const microseconds = (seconds: number, fraction: string) =>
  String(BigInt(seconds) * 1_000_000n + BigInt(fraction.slice(1).padEnd(6, '0')));
const clockOf = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19);

/** Any text that JSON can hold, control characters, NUL and surrogate pairs included. */
const texts = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('\0', '"', '\\', '\n', '\u2028', '😀', "'"),
  ),
});

/** JSON text with numbers of any size and nesting up to the limit. */
const jsonTexts = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('true', 'false', '{}', '[]', '""', `${'['.repeat(40)}${']'.repeat(40)}`),
    fc.stringMatching(/^-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$/),
    texts.map((text) => JSON.stringify(text)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
    fc
      .uniqueArray(fc.tuple(texts, tie('value')), { maxLength: 4, selector: ([key]) => key })
      .map((entries) => `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`),
  ),
})).value;

const decimalCase = (precision: number, scale: number): TypeCase => ({
  type: `decimal(${precision},${scale})`,
  samples: fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** BigInt(precision) - 1n }), fc.boolean(), fc.boolean())
    .map(([unscaled, negative, quoted]) => {
      const digits = String(unscaled).padStart(scale + 1, '0');
      const point = digits.length - scale;
      const text = `${negative ? '-' : ''}${digits.slice(0, point)}${scale > 0 ? '.' : ''}${digits.slice(point)}`;
      return { source: quoted ? `"${text}"` : text, expected: String(negative ? -unscaled : unscaled) };
    }),
  read: asText,
  normal: (read) => String(BigInt(read.replace('.', '').replace(/^(-?)$/, '$10'))),
});

const TYPES: readonly TypeCase[] = [
  { type: 'boolean', samples: fc.boolean().map((flag) => sample(flag, String(flag))), read: asText },
  {
    type: 'int',
    samples: integers(32n).map((n) => ({ source: String(n), expected: String(n) })),
    read: asText,
  },
  {
    type: 'long',
    samples: fc.tuple(integers(64n), fc.boolean()).map(([n, quoted]) => ({
      source: quoted ? `"${n}"` : String(n),
      expected: String(n),
    })),
    read: asText,
  },
  {
    type: 'double',
    samples: fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => sample(d, String(d + 0))),
    read: asText,
    normal: (read) => String(Number(read)),
  },
  {
    type: 'float',
    samples: fc.float({ noNaN: true, noDefaultInfinity: true }).map((d) => sample(d, String(d + 0))),
    read: asText,
    normal: (read) => String(Math.fround(Number(read))),
  },
  decimalCase(18, 4),
  decimalCase(38, 0),
  decimalCase(38, 38),
  { type: 'string', samples: texts.map((text) => sample(text, text)), read: (column) => column },
  { type: 'uuid', samples: fc.uuid().map((id) => sample(id.toUpperCase(), id)), read: asText },
  {
    type: 'date',
    samples: wholeSeconds.map((s) => sample(clockOf(s).slice(0, 10), clockOf(s).slice(0, 10))),
    read: (column) => `strftime(${column}, '%Y-%m-%d')`,
  },
  {
    type: 'timestamp',
    samples: fc.tuple(wholeSeconds, fractions).map(([s, f]) => sample(clockOf(s) + f, microseconds(s, f))),
    read: asMicroseconds,
  },
  {
    type: 'timestamptz',
    samples: fc.oneof(
      fc.tuple(wholeSeconds, fractions).map(([s, f]) => sample(`${clockOf(s)}${f}Z`, microseconds(s, f))),
      fc
        .tuple(wholeSeconds, fractions)
        .map(([s, f]) => sample(`${clockOf(s + 19_800)}${f}+05:30`, microseconds(s, f))),
      fc.integer({ min: FIRST_MS, max: LAST_MS }).map((ms) => sample(ms, String(BigInt(ms) * 1000n))),
    ),
    read: asMicroseconds,
  },
  {
    type: 'json',
    samples: jsonTexts.map((text) => ({ source: text, expected: text })),
    read: asText,
    normal: (read) => read,
  },
];

interface Row {
  readonly key: string;
  readonly values: readonly (Sample | undefined)[];
}

const NULL: Sample = { source: 'null', expected: null };
const rows: fc.Arbitrary<Row> = fc.record({
  key: texts.filter((text) => text !== '' && !text.includes('\0') && Buffer.byteLength(text) <= 512),
  values: fc.tuple(
    ...TYPES.map((type) =>
      fc.oneof({ weight: 8, arbitrary: type.samples }, fc.constant(NULL), fc.constant(undefined)),
    ),
  ),
});

const columns: readonly Column[] = TYPES.map(({ type }, i) => ({
  id: i + 5,
  name: COLUMN_NAMES[i] ?? `c${i}`,
  type,
  nullable: true,
}));
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

function lineOf({ key, values }: Row): string {
  const fields = values.flatMap((value, i) =>
    value === undefined ? [] : [`${JSON.stringify(columns[i]?.name)}:${value.source}`],
  );
  return `{"idempotency_key":${JSON.stringify(key)},"payload":{${fields.join(',')}}}`;
}

async function roundTrip(sent: readonly Row[], contentType: 'json' | 'ndjson'): Promise<(string | null)[][]> {
  const lines = sent.map(lineOf);
  const text = contentType === 'json' ? `{"records":[${lines.join(',')}]}` : lines.join('\n');
  const output = await writeAccepted(engine, folder.path, columns, { contentType, text });
  const reads = TYPES.map((type, i) => type.read(quoted(columns[i]?.name ?? '')));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const read = await connection.runAndReadAll(
      `SELECT _idempotency_key, ${reads.join(', ')} FROM read_parquet('${output}') ORDER BY _visibility_token`,
    );
    return read.getRowsJson() as (string | null)[][];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The exact value of a JSON text. */
function canonical(text: string): string {
  const bytes = Buffer.from(text);
  return new CanonicalWriter().write(parseLossless(bytes, 0, bytes.length, 64).value);
}

describe('accepted records', () => {
  it('come out of the Parquet file as they went in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(rows, { minLength: 1, maxLength: 20 }),
        fc.constantFrom('json', 'ndjson'),
        async (sent, kind) => {
          const read = await roundTrip(sent, kind);
          sent.forEach(({ key, values }, row) => {
            expect(read[row]?.[0]).toBe(key);
            values.forEach((value, i) => {
              const found = read[row]?.[i + 1] ?? null;
              const expected = value?.expected ?? null;
              const { type, normal = (text: string) => text } = TYPES[i] as TypeCase;
              if (found === null || expected === null) expect(found).toBe(expected);
              else if (type === 'json') expect(canonical(found)).toBe(canonical(expected));
              else expect(normal(found)).toBe(expected);
            });
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it('never include a record that the coordinator cannot read', async () => {
    const wild = fc.record({
      key: fc.constant('k'),
      values: fc.tuple(
        ...TYPES.map(() =>
          fc.oneof(
            ...TYPES.map((type) => type.samples),
            jsonTexts.map((source) => ({ source, expected: null })),
          ),
        ),
      ),
    });
    await fc.assert(
      fc.asyncProperty(wild, async ({ key, values }) => {
        // Each value alone: most do not fit their column, and those that do must be readable.
        for (let i = 0; i < values.length; i++) {
          const alone = values.map((value, at) => (at === i ? value : undefined));
          try {
            await roundTrip([{ key, values: alone }], 'ndjson');
          } catch (error) {
            expect(error).toMatchObject({
              code: expect.stringMatching(/^(SCHEMA_VIOLATION|REQUEST_INVALID)$/) as string,
            });
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
