import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { WriteBatch, WriteJob, WrittenFile } from '../write-engine.js';
import { openInstance } from './instance.js';
import { type ChildSetup, FaultError } from './protocol.js';
import { type ChildWork, serve } from './serve.js';
import { BATCHES_TABLE, copyStatement, MAX_OBJECT_BYTES, USUAL_OBJECT_BYTES } from './write-sql.js';
import { columnStatsOf, type RawStats } from './write-stats.js';

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
  await loadBatches(connection, job.batches);
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
  await pipeline(createReadStream(job.output, { highWaterMark: 1 << 20 }), async (chunks) => {
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      hash.update(chunk);
      sizeBytes += chunk.length;
    }
  });
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

async function loadBatches(connection: DuckDBConnection, batches: readonly WriteBatch[]): Promise<void> {
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${BATCHES_TABLE} (b BIGINT NOT NULL, first_token BIGINT NOT NULL, ingested_at TIMESTAMPTZ NOT NULL)`,
  );
  await connection.run(
    `INSERT INTO ${BATCHES_TABLE} SELECT CAST(j->>'batchId' AS BIGINT), CAST(j->>'firstToken' AS BIGINT), ` +
      `CAST(j->>'ingestedAt' AS TIMESTAMPTZ) FROM (SELECT unnest(CAST($1 AS JSON[])) AS j)`,
    [JSON.stringify(batches)],
  );
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
