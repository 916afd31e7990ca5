import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { AppError, type Column } from '../../src/kernel/index.js';
import type { QueryJob, QueryResult, QueryTable } from '../../src/modules/engine/index.js';
import type { DuckDbQueryEngine } from '../../src/modules/engine/query-engine.duckdb.js';
import { columnsOf, newQueryEngine, testFolder } from './engine.js';

const MIB = 1024 * 1024;

/** An engine for queries with files to read: `events` of three rows, and `secret.parquet` and `secret.csv` of no table. */
export interface QueryStage {
  readonly engine: DuckDbQueryEngine;
  readonly events: QueryTable;
  /** Where its files are. */
  readonly folder: string;
  /** Absolute path of a file there. */
  path(file: string): string;
  tableOf(name: string, columns: Column[], files: string[]): QueryTable;
  run(sql: string, more?: Partial<QueryJob>): Promise<QueryResult>;
  /** How it fails; throws where it does not, or not with an error for clients. */
  failure(sql: string, more?: Partial<QueryJob>): Promise<AppError>;
  close(): Promise<void>;
}

export async function openQueryStage(): Promise<QueryStage> {
  const folder = await testFolder();
  const path = (file: string) => join(folder.path, file);
  const engine = newQueryEngine({ memoryBytes: 256 * MIB });
  await writeParquet(
    path('a.parquet'),
    "SELECT i + 1 AS _visibility_token, TIMESTAMPTZ '2026-01-01' AS _event_time, TIMESTAMPTZ '2026-01-01' AS _ingested_at, " +
      "'k' || i AS _idempotency_key, i AS id, 'n' || i AS old_name FROM range(3) r(i)",
    '_visibility_token: 1, _event_time: 2, _ingested_at: 3, _idempotency_key: 4, id: 5, old_name: 6',
  );
  await writeParquet(path('secret.parquet'), 'SELECT 42 AS answer', 'answer: 5');
  await writeFile(path('secret.csv'), 'answer\n42\n');
  const tableOf: QueryStage['tableOf'] = (name, columns, files) => ({
    name,
    columns,
    files: files.map((file) => ({ path: path(file) })),
  });
  return {
    engine,
    folder: folder.path,
    path,
    tableOf,
    events: tableOf('events', columnsOf({ id: 'long', name: 'string', added: 'decimal(10,2)' }), [
      'a.parquet',
    ]),
    run: (sql, more) => engine.run(queryJob(sql, more)),
    failure: async (sql, more) => {
      const error: unknown = await engine.run(queryJob(sql, more)).catch((caught: unknown) => caught);
      if (!(error instanceof AppError)) throw new Error(`expected an AppError, not ${String(error)}`);
      return error;
    },
    close: async () => {
      await engine.close();
      await folder.remove();
    },
  };
}

export const queryJob = (sql: string, more: Partial<QueryJob> = {}): QueryJob => ({
  tenantId: 'acme',
  sql,
  params: [],
  tables: [],
  rowLimit: 1000,
  maxBytes: 10 * MIB,
  timeoutMs: 20_000,
  ...more,
});

async function writeParquet(path: string, select: string, fieldIds: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet, FIELD_IDS {${fieldIds}})`);
  connection.closeSync();
  instance.closeSync();
}
