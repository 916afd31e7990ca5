import { join } from 'node:path';
import fc from 'fast-check';
import type { Column } from '../../src/kernel/index.js';
import type { ColumnStats } from '../../src/modules/engine/index.js';
import type { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { defineTable } from '../../src/modules/tables/table-definition.js';
import { testSeed } from '../support/bus-arbitraries.js';
import {
  columnsOf,
  newWriteEngine,
  testFolder,
  type TestFolder,
  writeBody,
  writeOne,
} from '../support/engine.js';
import { readParquetFile } from '../support/parquet-file.js';

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
  binary: {
    type: 'binary',
    values: fc.oneof(bytes(8), bytes(300), highBytes(300)).map((value) => value.toString('base64')),
    rank: (text) => Buffer.from(text, 'base64'),
  },
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

function bytes(maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength }).map((value) => Buffer.from(value));
}

/** Those that cannot be rounded up where they are cut, or only far from there. */
function highBytes(maxLength: number): fc.Arbitrary<Buffer> {
  return fc
    .tuple(bytes(2), fc.integer({ min: 0, max: maxLength }))
    .map(([start, length]) => Buffer.concat([start, Buffer.alloc(length, 0xff)]));
}

/** All planes, NUL too. */
function texts(maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: 'binary', maxLength });
}

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

let files = 0;

async function statsOf(columns: readonly Column[], payloads: readonly Record<string, unknown>[]) {
  return (await fileOf(columns, payloads)).columnStats;
}

async function fileOf(columns: readonly Column[], payloads: readonly Record<string, unknown>[]) {
  const bodyFile = join(folder.path, `${++files}.zst`);
  await writeBody(
    bodyFile,
    payloads.map((p, o) => ({ b: 1, o, k: `k${o}`, p })),
  );
  return writeOne(engine, {
    inputs: [{ bodyFile, columns }],
    batches: [{ batchId: 1, firstToken: 1, ingestedAt: '2026-01-02T03:04:05.678901Z' }],
    columns,
    sortBy: [],
    output: join(folder.path, `${files}.parquet`),
  });
}

/** Fails unless the statistics hold for the values: bounds that nothing leaves, nulls and NaN counted. */
function expectToHold(kind: Kind, stats: ColumnStats | undefined, values: readonly Value[]): void {
  const present = values.filter((value) => value !== null).map(String);
  expect(stats?.nullCount).toBe(values.length - present.length);
  const isNumber = kind.type === 'float' || kind.type === 'double';
  expect(stats?.nanCount).toBe(isNumber ? present.filter((text) => text === 'NaN').length : undefined);
  if (kind.type === 'string' || kind.type === 'binary') expectTightBounds(kind, stats, present);
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

/** Short bounds are the values themselves, and what is cut to 256 bytes holds still. None only where one cannot be rounded up. */
function expectTightBounds(kind: Kind, stats: ColumnStats | undefined, present: readonly string[]): void {
  const sorted = present.map((text) => kind.rank(text) as Buffer).sort((a, b) => Buffer.compare(a, b));
  const [least, most] = [sorted[0], sorted.at(-1)];
  if (least === undefined || most === undefined) return;
  const isKept = (value: Buffer) => value.length <= 256 && (kind.type === 'binary' || !value.includes(0));
  if (isKept(least) && isKept(most)) {
    expect(stats?.min != null && (kind.rank(stats.min) as Buffer).equals(least)).toBe(true);
    expect(stats?.max != null && (kind.rank(stats.max) as Buffer).equals(most)).toBe(true);
  }
  for (const bound of [stats?.min, stats?.max]) {
    if (bound == null) continue;
    expect((kind.rank(bound) as Buffer).length).toBeLessThanOrEqual(256);
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
        const { columnStats, path } = await fileOf(columns, rows);
        const file = await readParquetFile(path, columns);
        for (const { name, id } of columns) {
          for (const source of [rows, file.rows])
            expectToHold(
              KINDS[name] as Kind,
              columnStats[id],
              source.map((one) => (one[name] ?? null) as Value),
            );
        }
      }),
      { seed, numRuns: 60 },
    );
  }, 120_000);

  it('hold for long text and bytes where a bound is cut inside of a character or cannot be rounded up', async () => {
    const kinds = { s: KINDS.string as Kind, b: KINDS.binary as Kind };
    const last = ['\x7f', '\u07ff', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'];
    for (const character of last) {
      for (const lead of [0, 1, 251, 252, 253, 254, 255, 256]) {
        const text = 'a'.repeat(lead) + character.repeat(260);
        const binary = Buffer.concat([Buffer.alloc(lead, 1), Buffer.alloc(260, 0xff)]).toString('base64');
        const stats = await statsOf(columnsOf({ s: 'string', b: 'binary' }), [{ s: text, b: binary }]);
        expectToHold(kinds.s, stats['5'], [text]);
        // What the binding makes of bytes that are no text.
        expect(`${stats['5']?.min} ${stats['5']?.max}`).not.toContain('\ufffd');
        expectToHold(kinds.b, stats['6'], [binary]);
      }
    }
  }, 60_000);

  it('hold for text with NUL, which the catalog cannot keep', async () => {
    const string = columnsOf({ s: 'string' });
    const statsOfTexts = async (...texts: string[]) => {
      const stats = await statsOf(
        string,
        texts.map((s) => ({ s })),
      );
      return stats['5'];
    };
    expect(await statsOfTexts('a\0b', 'a')).toMatchObject({ min: 'a', max: 'b' });
    expect(await statsOfTexts('a\ud7ff\0')).toMatchObject({ min: 'a\ud7ff', max: 'a\ue000' });
  });

  it('count NaN in structs, and leave those in lists out', async () => {
    const nested = defineTable({
      tableName: 't',
      columns: [
        { name: 'd', type: 'struct<"x.y": double, "q\\"z": struct<f: float>, l: list<double>>' },
        { name: 'e', type: 'list<float>' },
      ],
    }).columns;
    const nan = 'NaN';
    const stats = await statsOf(nested, [
      { d: { 'x.y': nan, 'q"z': { f: nan }, l: [nan] }, e: [nan, 1] },
      { d: { 'x.y': nan, 'q"z': { f: 1.5 }, l: [] }, e: [] },
      { d: { 'x.y': 3, 'q"z': null, l: null }, e: null },
      { d: null, e: [nan] },
    ]);
    const [d, e] = nested;
    const [x, q, l] = d?.fields ?? [];
    const counts = [x, q?.fields?.[0], l?.fields?.[0], e?.fields?.[0]].map((part) => stats[part?.id ?? 0]);
    expect(counts).toEqual([
      { min: '3.0', max: '3.0', nanCount: 2 },
      { min: '1.5', max: '1.5', nanCount: 1 },
      { min: null, max: null },
      { min: '1.0', max: '1.0' },
    ]);
    const without = await statsOf(nested, [{ d: { l: [1] }, e: [2] }]);
    expect(without[l?.fields?.[0]?.id ?? 0]).toEqual({ min: '1.0', max: '1.0' });
    expect(without[e?.fields?.[0]?.id ?? 0]).toEqual({ min: '2.0', max: '2.0' });
  });

  it.each([
    ['the first row', [0]],
    ['a row in the middle', [65_000]],
    ['the last row', [129_999]],
    ['a row of each group', [7, 61_440, 129_000]],
    ['no row', []],
  ])(
    'hold in several row groups where %s is NaN',
    async (_, nans) => {
      const ofNumbers = defineTable({
        tableName: 't',
        columns: [
          { name: 'd', type: 'double' },
          { name: 's', type: 'struct<f: float>' },
        ],
      }).columns;
      const rows = Array.from({ length: 130_000 }, (__, at) => ({
        d: nans.includes(at) ? 'NaN' : at,
        s: { f: nans.includes(at) ? 'NaN' : at % 1000 },
      }));
      const stats = await statsOf(ofNumbers, rows);
      expectToHold(
        KINDS.double as Kind,
        stats['5'],
        rows.map(({ d }) => d),
      );
      expect(stats['7']).toEqual({ min: '0.0', max: '999.0', nanCount: nans.length });
    },
    60_000,
  );
});
