import { mkdir, rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { KeyedFiles, KeyedWriteJob, PartitionFile, WriteJob } from '../write-engine.js';
import { registerHashFunctions } from './bucket-functions.js';
import { partitionFiles } from './file-split.js';
import { openInstance } from './instance.js';
import { withRoomForLines } from './line-room.js';
import { type CopiedRows, runCopy } from './parquet-copy.js';
import { type ChildSetup, FaultError } from './protocol.js';
import { foldRange } from './range-fold.js';
import { type ChildWork, serve } from './serve.js';
import { copyStatement } from './write-sql.js';

/** Writes Parquet. Its instance is kept from job to job: what it runs is built here and never a tenant's. */
async function open(setup: ChildSetup): Promise<ChildWork> {
  if (setup.tempDirectory !== null) await mkdir(setup.tempDirectory, { recursive: true, mode: 0o700 });
  const { connection } = await openInstance(setup);
  await connection.run('SET preserve_insertion_order = false');
  await connection.run('SELECT count(*) FROM range(200000) r(i) WHERE i % 7 = 0');
  registerHashFunctions(connection);
  return {
    handle: (body) => write(connection, body as WriteJob | KeyedWriteJob),
    cancel: () => connection.interrupt(),
  };
}

async function write(
  connection: DuckDBConnection,
  job: WriteJob | KeyedWriteJob,
): Promise<readonly PartitionFile[] | KeyedFiles> {
  if ('key' in job) return foldRange(connection, job);
  const copied = await copyBodies(connection, job);
  const { rowCount, columnStats } = copied;
  if (job.expectedRows !== undefined && job.expectedRows !== rowCount) {
    throw conversion(`the bodies hold ${rowCount} rows and not ${job.expectedRows}`);
  }
  for (const id of [1, 2, 3, 4]) {
    if ((columnStats[id]?.nullCount ?? 0) > 0)
      throw conversion('a line has no known batch, no ordinal or no key');
  }
  return partitionFiles(connection, job, copied);
}

async function copyBodies(connection: DuckDBConnection, job: WriteJob): Promise<CopiedRows> {
  const copy = (maxObjectBytes: number) =>
    runCopy(connection, copyStatement(job, maxObjectBytes), job.columns);
  return withRoomForLines(copy, () => rm(job.output, { force: true }));
}

const conversion = (message: string): FaultError => new FaultError({ kind: 'conversion', message });

await serve(open);
