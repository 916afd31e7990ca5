import type { DuckDBConnection } from '@duckdb/node-api';
import { METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { KeyedFiles, KeyedWriteJob } from '../write-engine.js';
import { quoteName } from './column-sql.js';
import { withRoomForLines } from './line-room.js';
import { partitionFiles } from './file-split.js';
import { runCopy, writtenFile } from './parquet-copy.js';
import { FaultError } from './protocol.js';
import { bodiesSelect, copyColumns, copyTo } from './write-sql.js';

const ROWS = 'tidemark_rows';
const LAST = 'tidemark_last';
const TOKEN = METADATA_COLUMNS[0];

/**
 * Reads a range once, and writes the last row of each key and the delete file of all its keys. What is last is told by
 * an aggregate: the engine's rewrite of `row_number() = 1` has returned wrong rows.
 */
export async function foldRange(connection: DuckDBConnection, job: KeyedWriteJob): Promise<KeyedFiles> {
  try {
    await withRoomForLines(
      async (maxObjectBytes) => {
        const rows = bodiesSelect(job, maxObjectBytes, true);
        await connection.run(`CREATE OR REPLACE TEMP TABLE ${ROWS} AS ${rows}`);
      },
      () => Promise.resolve(),
    );
    const range = await checkedRange(connection, job);
    const key = job.key.map(({ name }) => quoteName(name)).join(', ');
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE ${LAST} AS SELECT ${key}, max(_visibility_token) AS _visibility_token ` +
        `FROM ${ROWS} GROUP BY ${key}`,
    );
    const columns = [TOKEN, ...job.key];
    const deletes = await runCopy(
      connection,
      copyColumns(`FROM ${LAST}`, job.deletesOutput, columns, [...job.key, TOKEN]),
      job.key,
    );
    return {
      ...range,
      data: await writeSurvivors(connection, job),
      deletes: await writtenFile(connection, job.deletesOutput, job.key, deletes),
    };
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${ROWS}; DROP TABLE IF EXISTS ${LAST}`);
  }
}

async function writeSurvivors(connection: DuckDBConnection, job: KeyedWriteJob): Promise<KeyedFiles['data']> {
  const names = [...METADATA_COLUMNS, ...job.columns].map(({ name }) => quoteName(name)).join(', ');
  const select =
    `SELECT ${names} FROM ${ROWS} WHERE _op <> 'delete' ` +
    `AND _visibility_token IN (SELECT _visibility_token FROM ${LAST})`;
  const copied = await runCopy(connection, copyTo(select, job.output, job), job.columns);
  return copied.rowCount === 0 ? [] : partitionFiles(connection, job, copied);
}

/** The bounds of what was read. Throws a conversion fault where a line is not one that ingest writes. */
async function checkedRange(
  connection: DuckDBConnection,
  job: KeyedWriteJob,
): Promise<Pick<KeyedFiles, 'rowCount' | 'minToken' | 'maxToken'>> {
  const present = METADATA_COLUMNS.map(({ name }) => `count(${name})`);
  const keys = job.key.map(({ name }) => `count(${quoteName(name)})`);
  const reader = await connection.runAndReadAll(
    `SELECT count(*) AS row_count, least(${present.join(', ')}) AS whole, least(${keys.join(', ')}) AS keyed, ` +
      `count(*) FILTER (_op IN ('insert', 'upsert', 'delete')) AS known, count(DISTINCT _visibility_token) AS tokens, ` +
      `min(_visibility_token) AS min_token, max(_visibility_token) AS max_token FROM ${ROWS}`,
  );
  const row = reader.getRowObjectsJson()[0];
  if (row === undefined) throw new Error('an aggregate answered nothing');
  const [rowCount, whole, keyed, known, tokens] = ['row_count', 'whole', 'keyed', 'known', 'tokens'].map(
    (name) => Number(row[name]),
  );
  if (job.expectedRows !== undefined && job.expectedRows !== rowCount)
    throw conversion(`the bodies hold ${rowCount} rows and not ${job.expectedRows}`);
  if (whole !== rowCount) throw conversion('a line has no known batch, no ordinal or no key');
  if (tokens !== rowCount) throw conversion('two lines have one token');
  if (known !== rowCount) throw conversion('a line has no op that there is');
  if (keyed !== rowCount) throw conversion('a line has null in its primary key');
  return { rowCount: rowCount ?? 0, minToken: Number(row.min_token), maxToken: Number(row.max_token) };
}

const conversion = (message: string): FaultError => new FaultError({ kind: 'conversion', message });
