import { rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Column, METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { PartitionValue, PartitionValues } from '../../../kernel/partition-spec.js';
import type { WriteJob, PartitionFile } from '../write-engine.js';
import { boundText } from './bound-text.js';
import { quoteName, quoteText } from './column-sql.js';
import { type CopiedRows, runCopy, writtenFile } from './parquet-copy.js';
import { isKept, provenPartition } from './partition-proof.js';
import { partitionExpression, partitionSources, type PartitionSource } from './partition-sql.js';
import { copyTo } from './write-sql.js';

/** Each partition of the rows, with their count. */
const PARTITIONS = 'tidemark_partitions';
/** The same with the number of the file that it goes to. */
const PLACES = 'tidemark_places';
const ROWS = 'tidemark_placed_rows';

/** Where partitions must share files, of a file at least. */
const MIN_SHARED_ROWS = 10_000;

interface PlannedFile {
  readonly number: number;
  readonly partition: PartitionValues | null;
}

/**
 * The files of a job whose `output` holds all of its rows. A usual range is of one partition: then that is the file, and
 * partitions cost nothing.
 */
export async function partitionFiles(
  connection: DuckDBConnection,
  job: WriteJob,
  copied: CopiedRows,
): Promise<readonly PartitionFile[]> {
  const sources = partitionSources(job.partitionBy ?? [], job.columns);
  const partition = provenPartition(sources, copied.rowCount, copied.columnStats);
  if (partition !== undefined)
    return [{ ...(await writtenFile(connection, job.output, job.columns, copied)), partition }];
  return splitFile(connection, job, sources, copied);
}

/** Takes the job's file apart by partition. One that turns out to hold one partition stays. */
async function splitFile(
  connection: DuckDBConnection,
  job: WriteJob,
  sources: readonly PartitionSource[],
  whole: CopiedRows,
): Promise<PartitionFile[]> {
  const values = sources.map((_, index) => `_p${index}`).join(', ');
  const keyed = sources.map((source, index) => `${partitionExpression(source)} AS _p${index}`).join(', ');
  const file = `read_parquet(${quoteText(job.output)})`;
  try {
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE ${PARTITIONS} AS
       SELECT ${values}, count(*) AS row_count FROM (SELECT ${keyed} FROM ${file}) GROUP BY ALL`,
    );
    const plan = await planFiles(connection, job, sources, whole.rowCount);
    const [only] = plan;
    if (plan.length === 1 && only !== undefined)
      return [
        { ...(await writtenFile(connection, job.output, job.columns, whole)), partition: only.partition },
      ];
    const same = sources.map((_, index) => `r._p${index} IS NOT DISTINCT FROM p._p${index}`).join(' AND ');
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE ${ROWS} AS
       SELECT r.* EXCLUDE (${values}), p._file FROM (SELECT *, ${keyed} FROM ${file}) r JOIN ${PLACES} p ON ${same}`,
    );
    await rm(job.output);
    return await writeFiles(connection, job, plan, whole.rowCount);
  } finally {
    for (const table of [PARTITIONS, PLACES, ROWS])
      await connection.run(`DROP TABLE IF EXISTS temp.${table}`);
  }
}

/** Gives each partition a file of its own, or, where those are too many, those with few rows one with their neighbours. */
async function planFiles(
  connection: DuckDBConnection,
  { maxFiles = Infinity }: WriteJob,
  sources: readonly PartitionSource[],
  rowCount: number,
): Promise<PlannedFile[]> {
  const order = sources.map((_, index) => `_p${index}`).join(', ');
  const [count] = await rowsOf(connection, `SELECT count(*) AS partitions FROM ${PARTITIONS}`);
  // Files that begin a share of this size, and partitions that fill one, are at most `maxFiles` together.
  const share = Math.max(MIN_SHARED_ROWS, Math.ceil((2 * rowCount) / (maxFiles - 1)));
  const place =
    Number(count?.partitions) <= maxFiles
      ? `row_number() OVER (ORDER BY ${order})`
      : `dense_rank() OVER (ORDER BY CASE WHEN row_count >= ${share} THEN -_at ELSE _before // ${share} END)`;
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${PLACES} AS
     SELECT * EXCLUDE (_at, _before), ${place} AS _file FROM (
       SELECT *, row_number() OVER (ORDER BY ${order}) AS _at,
              sum(row_count) OVER (ORDER BY ${order} ROWS UNBOUNDED PRECEDING) - row_count AS _before
       FROM ${PARTITIONS})`,
  );
  const texts = sources.map((source, index) => `any_value(${textOf(source, `_p${index}`)}) AS _t${index}`);
  const files = await rowsOf(
    connection,
    `SELECT _file, count(*) AS partitions, ${texts.join(', ')} FROM ${PLACES} GROUP BY _file ORDER BY _file`,
  );
  return files.map((row) => ({
    number: Number(row._file),
    partition: Number(row.partitions) === 1 ? valuesOf(sources, row) : null,
  }));
}

async function writeFiles(
  connection: DuckDBConnection,
  job: WriteJob,
  plan: readonly PlannedFile[],
  rowCount: number,
): Promise<PartitionFile[]> {
  const all: readonly Column[] = [...METADATA_COLUMNS, ...job.columns];
  const columns = all.map(({ name }) => quoteName(name)).join(', ');
  const files: PartitionFile[] = [];
  for (const { number, partition } of plan) {
    const path = job.output.replace(/(\.parquet)?$/, `-${number}.parquet`);
    const select = `SELECT ${columns} FROM ${ROWS} WHERE _file = ${number}`;
    const copied = await runCopy(connection, copyTo(select, path, job), job.columns);
    files.push({ ...(await writtenFile(connection, path, job.columns, copied)), partition });
  }
  const written = files.reduce((sum, file) => sum + file.rowCount, 0);
  if (written !== rowCount) throw new Error(`${written} of ${rowCount} rows are in files of partitions`);
  return files;
}

/** Null where a value is not one that is kept. */
function valuesOf(
  sources: readonly PartitionSource[],
  row: Readonly<Record<string, unknown>>,
): PartitionValues | null {
  const values: Record<string, PartitionValue> = {};
  for (const [index, source] of sources.entries()) {
    const value = valueOf(source, row[`_t${index}`] as string | null);
    if (value === undefined) return null;
    values[source.fieldId] = value;
  }
  return values;
}

function valueOf({ type, transform }: PartitionSource, text: string | null): PartitionValue | undefined {
  if (text === null) return null;
  if (transform.kind !== 'identity' && transform.kind !== 'truncate') return Number(text);
  if (type.kind === 'decimal' && transform.kind === 'truncate') return withPoint(text, type.scale);
  const value = boundText(type.kind, text);
  return value === null || !isKept(value) ? undefined : value;
}

const textOf = ({ type, transform }: PartitionSource, value: string): string =>
  type.kind === 'binary' && transform.kind !== 'bucket' ? `to_base64(${value})` : `CAST(${value} AS VARCHAR)`;

/** The digits of a decimal with its point put in. */
function withPoint(digits: string, scale: number): string {
  if (scale === 0) return digits;
  const [, sign = '', whole = ''] = /^(-?)(\d+)$/.exec(digits) ?? [];
  const padded = whole.padStart(scale + 1, '0');
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson();
}
