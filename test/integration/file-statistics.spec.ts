import { join } from 'node:path';
import fc from 'fast-check';
import type { Column } from '../../src/kernel/index.js';
import type { ColumnStats } from '../../src/modules/engine/index.js';
import { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { testSeed } from '../support/bus-arbitraries.js';
import {
  columnsOf,
  engineChildrenDir,
  silentLogger,
  testFolder,
  type TestFolder,
  writeBody,
  writeOne,
} from '../support/engine.js';

type Value = string | number | boolean | null;

/** A type, values of it, and how two of them compare. Bounds and values are read by `rank` before. */
interface Kind {
  readonly type: string;
  readonly values: fc.Arbitrary<Value>;
  readonly rank: (value: string) => number | bigint | Buffer;
}

const FLOATS = ['NaN', 'Infinity', '-Infinity'];
const MIN_DAY = new Date('0001-01-01T00:00:00Z');
const MAX_DAY = new Date('9999-12-31T23:59:59.999Z');
const instants = fc.date({ min: MIN_DAY, max: MAX_DAY, noInvalidDate: true });

const KINDS: Readonly<Record<string, Kind>> = {
  boolean: { type: 'boolean', values: fc.boolean(), rank: (text) => Number(text === 'true') },
  int: { type: 'int', values: fc.integer(), rank: BigInt },
  long: {
    type: 'long',
    values: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    rank: BigInt,
  },
  float: {
    type: 'float',
    values: numbers(fc.float({ noNaN: true })),
    rank: (text) => Math.fround(Number(text)),
  },
  double: { type: 'double', values: numbers(fc.double({ noNaN: true })), rank: Number },
  decimal: {
    type: 'decimal(12,0)',
    values: fc.bigInt({ min: -999_999_999_999n, max: 999_999_999_999n }).map(String),
    rank: BigInt,
  },
  string: { type: 'string', values: fc.oneof(texts(20), texts(400)), rank: (text) => Buffer.from(text) },
  uuid: { type: 'uuid', values: fc.uuid(), rank: (text) => Buffer.from(text) },
  date: {
    type: 'date',
    values: instants.map((at) => at.toISOString().slice(0, 10)),
    rank: (text) => Buffer.from(text),
  },
  timestamptz: {
    type: 'timestamptz',
    values: instants.map((at) => at.toISOString()),
    rank: (text) => Date.parse(text),
  },
};

/** Few NaN, so that there are columns with and without, and row groups of one column with and without. */
function numbers(finite: fc.Arbitrary<number>): fc.Arbitrary<Value> {
  return fc.oneof(
    { weight: 30, arbitrary: finite.map((value) => (Number.isFinite(value) ? value : String(value))) },
    { weight: 1, arbitrary: fc.constantFrom(...FLOATS) },
  );
}

/** All planes, NUL too. */
function texts(maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: 'binary', maxLength });
}

let folder: TestFolder;
let engine: DuckDbWriteEngine;

beforeAll(async () => {
  folder = await testFolder();
  engine = new DuckDbWriteEngine({
    concurrency: 1,
    memoryBytes: 512 * 1024 * 1024,
    threads: 2,
    scratchDir: join(folder.path, 'scratch'),
    logger: silentLogger,
    childrenDir: engineChildrenDir(),
  });
});

afterAll(async () => {
  await engine.close();
  await folder.remove();
});

let files = 0;

async function statsOf(columns: Column[], payloads: readonly Record<string, Value>[]) {
  const bodyFile = join(folder.path, `${++files}.zst`);
  await writeBody(
    bodyFile,
    payloads.map((p, o) => ({ b: 1, o, k: `k${o}`, p })),
  );
  const written = await writeOne(engine, {
    inputs: [{ bodyFile, columns }],
    batches: [{ batchId: 1, firstToken: 1, ingestedAt: '2026-01-02T03:04:05.678901Z' }],
    columns,
    sortBy: [],
    output: join(folder.path, `${files}.parquet`),
  });
  return written.columnStats;
}

/** Fails unless the statistics hold for the values: bounds that nothing leaves, nulls counted, no NaN denied. */
function expectToHold(kind: Kind, stats: ColumnStats | undefined, values: readonly Value[]): void {
  const present = values.filter((value) => value !== null).map(String);
  expect(stats?.nullCount).toBe(values.length - present.length);
  const isNumber = kind.type === 'float' || kind.type === 'double';
  const nans = isNumber ? present.filter((text) => text === 'NaN').length : 0;
  if (nans > 0) expect(stats?.nanCount).not.toBe(0);
  if (stats?.nanCount !== undefined && stats.nanCount > 0) expect(nans).toBeGreaterThan(0);
  const ordered = present.filter((text) => !isNumber || text !== 'NaN');
  for (const text of ordered) {
    const value = kind.rank(text);
    if (stats?.min != null && compare(kind.rank(stats.min), value) > 0)
      throw new Error(
        `${kind.type}: ${JSON.stringify(text)} is below the minimum ${JSON.stringify(stats.min)}`,
      );
    if (stats?.max != null && compare(kind.rank(stats.max), value) < 0)
      throw new Error(
        `${kind.type}: ${JSON.stringify(text)} is above the maximum ${JSON.stringify(stats.max)}`,
      );
  }
}

function compare(one: number | bigint | Buffer, other: number | bigint | Buffer): number {
  if (Buffer.isBuffer(one) && Buffer.isBuffer(other)) return Buffer.compare(one, other);
  return one < other ? -1 : one > other ? 1 : 0;
}

describe('the statistics of a file', () => {
  const columns = columnsOf(
    Object.fromEntries(Object.entries(KINDS).map(([name, { type }]) => [name, type])),
  );
  const seed = testSeed();

  it(`hold for the values in it, whatever they are (TIDEMARK_TEST_SEED=${seed})`, async () => {
    const row = fc.record(
      Object.fromEntries(
        Object.entries(KINDS).map(([name, kind]) => [name, fc.option(kind.values, { freq: 4 })]),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
        const stats = await statsOf(columns, rows);
        for (const column of columns)
          expectToHold(
            KINDS[column.name] as Kind,
            stats[column.id],
            rows.map((one) => one[column.name] ?? null),
          );
      }),
      { seed, numRuns: 60 },
    );
  }, 120_000);

  it.each([0, 65_000, 129_999])(
    'hold where only row %i of several row groups is NaN',
    async (nan) => {
      const ofNumbers = columnsOf({ d: 'double', f: 'float' });
      const rows = Array.from({ length: 130_000 }, (_, at) => ({ d: at === nan ? 'NaN' : at, f: at % 1000 }));
      const stats = await statsOf(ofNumbers, rows);
      expectToHold(
        KINDS.double as Kind,
        stats['5'],
        rows.map(({ d }) => d),
      );
      expect(stats['6']).toEqual({ min: '0.0', max: '999.0', nullCount: 0 });
    },
    60_000,
  );
});
