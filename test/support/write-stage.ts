import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Column } from '../../src/kernel/index.js';
import type { WriteBatch, WriteJob } from '../../src/modules/engine/index.js';
import type { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { newWriteEngine, testFolder, writeBody, type TestFolder } from './engine.js';

/** Of all bodies whose lines have no other batch. */
export const BATCHES: readonly WriteBatch[] = [
  { batchId: 1, firstToken: 1000, ingestedAt: '2026-01-02T03:04:05.678901Z' },
];

/** An engine for writing, and a folder for the bodies and the files of its jobs. */
export interface WriteStage {
  readonly engine: DuckDbWriteEngine;
  readonly folder: TestFolder;
  /** Absolute path of a file in the folder. */
  at(name: string): string;
  /** A job over a line for each payload; body and output are named by `name`. */
  jobOf(name: string, columns: Column[], payloads: readonly Record<string, unknown>[]): Promise<WriteJob>;
  close(): Promise<void>;
}

export async function openWriteStage(): Promise<WriteStage> {
  const folder = await testFolder();
  const engine = newWriteEngine(folder);
  const at = (name: string) => join(folder.path, name);
  return {
    engine,
    folder,
    at,
    jobOf: async (name, columns, payloads) => {
      const bodyFile = at(`${name}.zst`);
      await writeBody(
        bodyFile,
        payloads.map((p, o) => ({ b: 1, o, k: `k${o}`, p })),
        2,
      );
      return {
        inputs: [{ bodyFile, columns }],
        batches: BATCHES,
        columns,
        sortBy: [],
        output: at(`${name}.parquet`),
      };
    },
    close: async () => {
      await engine.close();
      await folder.remove();
    },
  };
}

/** What a query of its own, by an engine of its own, answers. */
export async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
  connection.closeSync();
  instance.closeSync();
  return rows;
}
