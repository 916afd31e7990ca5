import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { QueryFile, QueryTable } from '../../src/modules/engine/index.js';
import type { DuckDbQueryEngine } from '../../src/modules/engine/query-engine.duckdb.js';
import { columnsOf, newQueryEngine, testFolder, type TestFolder } from '../support/engine.js';

const COLUMNS = columnsOf({ id: 'long' });

let folder: TestFolder;
let engine: DuckDbQueryEngine;

beforeAll(async () => {
  folder = await testFolder();
  engine = newQueryEngine();
});

afterAll(async () => {
  await engine.close();
  await folder.remove();
});

/** A file of the keys from `first` on. */
async function keysFile(name: string, first: number, rows: number, token: number): Promise<QueryFile> {
  const path = join(folder.path, name);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT ${token} + i AS _visibility_token, ${first} + i AS id FROM range(${rows}) r(i)) ` +
      `TO '${path}' (FORMAT parquet, FIELD_IDS {_visibility_token: 1, id: 5})`,
  );
  connection.closeSync();
  instance.closeSync();
  return { path, rows };
}

it('keeps the deletes of a keyed table in memory, and not its data, also where that has fewer files', async () => {
  const deletes = await Promise.all([0, 1, 2].map((n) => keysFile(`deletes-${n}`, n, 1, 60_000 + n)));
  const older = [await keysFile('older', 0, 20_000, 1)];
  const files = [await keysFile('files', 20_000, 20_000, 40_000)];
  const merged = { older, files, deletes, key: COLUMNS };
  const table: QueryTable = { name: 't', columns: COLUMNS, files: [], merged };
  const ask = async (sql: string) => {
    const job = { tenantId: 'acme', sql, params: [], tables: [table], rowLimit: 10, maxBytes: 1_000_000 };
    return (await engine.run({ ...job, timeoutMs: 20_000 })).rows;
  };
  expect(await ask('SELECT count(*) FROM t')).toEqual([[39_997]]);
  const plan = JSON.stringify(await ask('EXPLAIN SELECT count(*) FROM t'));
  expect(plan.match(/\w*ANTI\b/g)).toEqual(['ANTI', 'ANTI']);
});
