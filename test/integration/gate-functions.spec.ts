import { DuckDBInstance } from '@duckdb/node-api';
import {
  ALLOWED_FUNCTIONS,
  ALLOWED_TABLE_FUNCTIONS,
} from '../../src/modules/engine/gate/functions-allowed.js';
import { DENIED_FUNCTIONS, DENIED_TABLE_FUNCTIONS } from '../../src/modules/engine/gate/functions-denied.js';

async function functionsOfTheEngine(): Promise<{ name: string; inFrom: boolean }[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    "SELECT DISTINCT function_name, function_type IN ('table', 'table_macro', 'pragma') FROM duckdb_functions()",
  );
  const rows = reader.getRows().map(([name, inFrom]) => ({ name: String(name), inFrom: inFrom === true }));
  connection.closeSync();
  instance.closeSync();
  return rows;
}

describe('the lists of functions', () => {
  it('know every function of the engine as either allowed or denied', async () => {
    const neither = (await functionsOfTheEngine()).filter(({ name, inFrom }) =>
      inFrom
        ? !ALLOWED_TABLE_FUNCTIONS.has(name) && !DENIED_TABLE_FUNCTIONS.has(name)
        : !ALLOWED_FUNCTIONS.has(name.toLowerCase()) && !DENIED_FUNCTIONS.has(name),
    );
    expect(neither).toEqual([]);
  });

  it('allow nothing that they deny', () => {
    expect([...DENIED_FUNCTIONS].filter((name) => ALLOWED_FUNCTIONS.has(name.toLowerCase()))).toEqual([]);
    expect([...DENIED_TABLE_FUNCTIONS].filter((name) => ALLOWED_TABLE_FUNCTIONS.has(name))).toEqual([]);
  });

  it('name no function that the engine does not have', async () => {
    const names = new Set((await functionsOfTheEngine()).map(({ name }) => name.toLowerCase()));
    const boundApart = ['unlist', 'unnest'];
    expect([...ALLOWED_FUNCTIONS].filter((name) => !names.has(name) && !boundApart.includes(name))).toEqual(
      [],
    );
  });
});
