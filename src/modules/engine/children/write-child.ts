import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { WriteJob, WrittenFile } from '../write-engine.js';
import { openInstance } from './instance.js';
import { type ChildSetup, FaultError } from './protocol.js';
import { type ChildWork, serve } from './serve.js';
import { copyStatement, MAX_OBJECT_BYTES, USUAL_OBJECT_BYTES } from './write-sql.js';
import { columnStatsOf, type RawStats } from './write-stats.js';

const PIECE_BYTES = 256 * 1024;

/** Writes Parquet. Its instance is kept from job to job: what it runs is built here and never a tenant's. */
async function open(setup: ChildSetup): Promise<ChildWork> {
  if (setup.tempDirectory !== null) await mkdir(setup.tempDirectory, { recursive: true, mode: 0o700 });
  const { connection } = await openInstance(setup);
  await connection.run('SET preserve_insertion_order = false');
  await connection.run('SELECT count(*) FROM range(200000) r(i) WHERE i % 7 = 0');
  return {
    handle: (body) => write(connection, body as WriteJob),
    cancel: () => connection.interrupt(),
  };
}

async function write(connection: DuckDBConnection, job: WriteJob): Promise<WrittenFile> {
  const result = await copy(connection, job);
  const rowCount = result.rowCount;
  if (job.expectedRows !== undefined && job.expectedRows !== rowCount) {
    throw conversion(`the bodies hold ${rowCount} rows and not ${job.expectedRows}`);
  }
  const columnStats = columnStatsOf(job.columns, result.stats);
  for (const id of [1, 2, 3, 4]) {
    if ((columnStats[id]?.nullCount ?? 0) > 0)
      throw conversion('a line has no known batch, no ordinal or no key');
  }
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for (const chunk of piecesOf(job.output)) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return {
    path: job.output,
    rowCount,
    sizeBytes,
    sha256: hash.digest('hex'),
    minEventTime: columnStats['2']?.min ?? null,
    maxEventTime: columnStats['2']?.max ?? null,
    columnStats,
  };
}

/** Read in line: this process has nothing else to do, and a usual file is one piece. */
function* piecesOf(path: string): Generator<Buffer> {
  const file = openSync(path, 'r');
  try {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (let length = readSync(file, piece); length > 0; length = readSync(file, piece))
      yield piece.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

async function copy(
  connection: DuckDBConnection,
  job: WriteJob,
): Promise<{ rowCount: number; stats: Map<string, RawStats> }> {
  let reader;
  try {
    reader = await connection.runAndReadAll(copyStatement(job, USUAL_OBJECT_BYTES));
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('maximum_object_size')) throw error;
    await rm(job.output, { force: true });
    reader = await connection.runAndReadAll(copyStatement(job, MAX_OBJECT_BYTES));
  }
  const row = reader.getRowObjectsJson()[0];
  if (row === undefined) throw new Error('COPY answered without statistics');
  const columns = row.column_statistics as { key: string; value: { key: string; value: string }[] }[];
  return {
    rowCount: Number(row.count),
    stats: new Map(
      columns.map(({ key, value }) => [key, new Map(value.map((entry) => [entry.key, entry.value]))]),
    ),
  };
}

const conversion = (message: string): FaultError => new FaultError({ kind: 'conversion', message });

await serve(open);
