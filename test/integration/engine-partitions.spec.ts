import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  type Column,
  columnType,
  METADATA_COLUMNS,
  parseColumnType,
  type PartitionField,
  TRANSFORM_SOURCES,
} from '../../src/kernel/index.js';
import type { PartitionFile, ResultValue, SortColumn, WriteJob } from '../../src/modules/engine/index.js';
import type { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { writeAcceptedFiles } from '../support/accepted-records.js';
import { columnsOf, newWriteEngine, testFolder, type TestFolder } from '../support/engine.js';
import { readParquetFile } from '../support/parquet-file.js';
import { partitionOf } from '../support/partition-reference.js';
import { samplesOf, type Sample } from '../support/typed-samples.js';

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

interface Row {
  readonly key: string;
  readonly time: string;
  readonly token: number;
  readonly values: readonly (string | null)[];
}

const textOf = (value: ResultValue | undefined): string | null => {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
};

interface SentRecord {
  readonly payload: string;
  readonly eventTime?: string;
}

async function write(
  columns: readonly Column[],
  records: readonly SentRecord[],
  more: Partial<WriteJob>,
): Promise<readonly PartitionFile[]> {
  const lines = records.map(({ payload, eventTime }, index) => {
    const time = eventTime === undefined ? '' : `"event_time":"${eventTime}",`;
    return `{"idempotency_key":"k${index}",${time}"payload":${payload}}\n`;
  });
  const own = await mkdtemp(join(folder.path, 'job-'));
  const sent = { contentType: 'ndjson', text: lines.join('') } as const;
  return writeAcceptedFiles(engine, own, columns, sent, more);
}

/** The rows of a file in its order, as a reader sees them that is not the engine. */
async function rowsOf(file: PartitionFile, columns: readonly Column[]): Promise<Row[]> {
  const { rows } = await readParquetFile(file.path, [...METADATA_COLUMNS, ...columns]);
  expect(rows).toHaveLength(file.rowCount);
  return rows.map((row) => ({
    key: textOf(row._idempotency_key) ?? '',
    time: textOf(row._event_time) ?? '',
    token: Number(row._visibility_token),
    values: columns.map(({ name }) => textOf(row[name])),
  }));
}

const field = (source: number, transform: string): PartitionField => ({
  field_id: 1000,
  source_id: source,
  transform,
});
const HOURLY = field(2, 'hour');

/** Each transform with each kind of column that takes it. */
const pairs = Object.entries(TRANSFORM_SOURCES).flatMap(([name, kinds]) =>
  kinds.map((kind) => ({ name, kind })),
);

const cases = fc
  .record({
    pair: fc.constantFrom(...pairs),
    width: fc.integer({ min: 1, max: 64 }),
    scale: fc.nat({ max: 9 }),
  })
  .chain(({ pair: { name, kind }, width, scale }) => {
    const type = kind === 'decimal' ? `decimal(12,${scale})` : kind;
    const transform = name === 'bucket' || name === 'truncate' ? `${name}(${width})` : name;
    const parsed = parseColumnType(type);
    if (parsed === undefined) throw new Error(type);
    const value = fc.oneof({ weight: 8, arbitrary: samplesOf(parsed, false) }, fc.constant<Sample>(NULL));
    // Few values, so that partitions have several rows.
    const values = fc
      .array(value, { minLength: 1, maxLength: 8 })
      .chain((few) => fc.array(fc.constantFrom(...few), { minLength: 1, maxLength: 20 }));
    return fc.record({ type: fc.constant(type), transform: fc.constant(transform), values });
  });
const NULL: Sample = { source: 'null', expected: null };

const isKept = (value: unknown): boolean =>
  typeof value !== 'string' || (!value.includes('\0') && Buffer.byteLength(value) <= 256);

describe('a job with partitions', () => {
  it('writes each partition of any transform and type to a file of its own, as a plain reference has it', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ type, transform, values }) => {
        const columns = columnsOf({ v: type });
        const [column] = columns as [Column];
        const sent = values.map(({ source }) => ({ payload: `{"v":${source}}` }));
        const files = await write(columns, sent, { partitionBy: [field(5, transform)], maxFiles: 64 });

        const found: Row[] = [];
        for (const file of files) {
          const rows = await rowsOf(file, columns);
          found.push(...rows);
          const partitions = rows.map((row) =>
            partitionOf(transform, columnType(column), row.values[0] ?? null),
          );
          expect(new Set(partitions).size).toBe(1);
          const [partition] = partitions;
          expect(file.partition).toEqual(isKept(partition) ? { 1000: partition } : null);
        }
        const wanted = values.map(({ expected }) => textOf(expected));
        const byToken = found.toSorted((a, b) => a.token - b.token);
        expect(byToken.map((row) => row.values[0])).toEqual(wanted);
        const distinct = new Set(wanted.map((text) => partitionOf(transform, columnType(column), text)));
        expect(files).toHaveLength(distinct.size);
      }),
      { numRuns: 60 },
    );
  });

  it('splits by several fields, and sorts each file', async () => {
    const columns = columnsOf({ country: 'string', n: 'int' });
    const records = Array.from({ length: 60 }, (_, i) => ({
      payload: `{"country":${i % 3 === 0 ? 'null' : `"${'AB'[i % 2]}"`},"n":${(i * 7) % 60}}`,
      eventTime: `2026-01-01T0${i % 2}:${10 + (i % 50)}:00Z`,
    }));
    const sortBy: SortColumn[] = [{ name: 'n', descending: true }];
    const partitionBy = [HOURLY, { ...field(5, 'identity'), field_id: 1001 }];
    const files = await write(columns, records, { partitionBy, maxFiles: 64, sortBy });
    const hour = Date.parse('2026-01-01T00:00:00Z') / 3_600_000;
    expect(files.map(({ partition }) => partition)).toEqual(
      expect.arrayContaining([
        { 1000: hour, 1001: null },
        { 1000: hour + 1, 1001: null },
        { 1000: hour, 1001: 'A' },
        { 1000: hour + 1, 1001: 'B' },
      ]),
    );
    expect(files).toHaveLength(4);
    for (const file of files) {
      const numbers = (await rowsOf(file, columns)).map(({ values }) => Number(values[1]));
      expect(numbers).toEqual(numbers.toSorted((a, b) => b - a));
    }
  });

  it('leaves rows of one partition in the one file that it writes first', async () => {
    const columns = columnsOf({ v: 'string' });
    const records = ['a', 'b', 'c'].map((v, i) => ({
      payload: `{"v":"${v}"}`,
      eventTime: `2026-01-01T03:${i}0:00Z`,
    }));
    const [file, ...others] = await write(columns, records, { partitionBy: [HOURLY], maxFiles: 64 });
    expect(others).toEqual([]);
    expect(file).toMatchObject({ rowCount: 3, partition: { 1000: 490_899 } });
    expect(file?.path).toMatch(/\/out\.parquet$/);
  });

  it('groups neighbours beyond the bound, says which files are a mix, and leaves large partitions alone', async () => {
    const columns = columnsOf({ d: 'date' });
    const day = (n: number) => new Date(n * 86_400_000).toISOString().slice(0, 10);
    // One day has as many rows as all others together.
    const days = Array.from({ length: 60_000 }, (_, i) => (i % 2 === 0 ? 5000 : i % 10_000));
    const files = await write(
      columns,
      days.map((n) => ({ payload: `{"d":"${day(n)}"}` })),
      { partitionBy: [field(5, 'day')], maxFiles: 6 },
    );
    expect(files.length).toBeGreaterThan(2);
    expect(files.length).toBeLessThanOrEqual(6);
    expect(files.reduce((sum, file) => sum + file.rowCount, 0)).toBe(days.length);
    expect(files.filter(({ partition }) => partition !== null)).toMatchObject([
      { partition: { 1000: 5000 }, rowCount: 30_000 },
    ]);
    // Neighbours share a file, so that its bounds say something.
    const bounds = files
      .filter(({ partition }) => partition === null)
      .map(({ columnStats }) => [columnStats[5]?.min ?? '', columnStats[5]?.max ?? ''] as const)
      .toSorted();
    bounds.slice(1).forEach(([min], index) => expect(min > (bounds[index]?.[1] ?? '')).toBe(true));
  });

  it('keeps to one file where thousands of partitions have few rows', async () => {
    const columns = columnsOf({ id: 'string' });
    const records = Array.from({ length: 5000 }, (_, i) => ({ payload: `{"id":"u-${i}"}` }));
    const files = await write(columns, records, { partitionBy: [field(5, 'identity')], maxFiles: 64 });
    expect(files).toMatchObject([{ rowCount: 5000, partition: null }]);
  });

  it('does not take the next job for a part of one that failed', async () => {
    const columns = columnsOf({ v: 'string' });
    const records = ['a', 'b'].map((v) => ({ payload: `{"v":"${v}"}` }));
    const partitionBy = [field(5, 'identity')];
    await expect(
      write(columns, records, { partitionBy, maxFiles: 64, output: join(folder.path, 'none', 'x.parquet') }),
    ).rejects.toThrow();
    const files = await write(columns, records, { partitionBy, maxFiles: 64 });
    expect(files.map(({ partition }) => partition)).toEqual([{ 1000: 'a' }, { 1000: 'b' }]);
  });
});
