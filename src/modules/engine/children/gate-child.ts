import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { checkText, checkTree, type GateTable, type Passed, refusalDetails } from '../gate/gate.js';
import { Refusal } from '../gate/refusal.js';
import { openInstance } from './instance.js';
import { type ChildSetup, FaultError } from './protocol.js';
import { type ChildWork, serve } from './serve.js';

export interface GateRequest {
  readonly sql: string;
  readonly tables: readonly GateTable[];
}

/** Parses statements and walks their trees. It never runs them. */
async function open(setup: ChildSetup): Promise<ChildWork> {
  const { connection } = await openInstance(setup);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
  const serialize = await connection.prepare(
    'SELECT json_serialize_sql(CAST($1 AS VARCHAR), skip_null := false, skip_empty := false, skip_default := false)',
  );
  await treeOf(serialize, 'SELECT 1');
  return { handle: (body) => gate(serialize, body as GateRequest), cancel: () => interrupt(connection) };
}

async function gate(serialize: DuckDBPreparedStatement, { sql, tables }: GateRequest): Promise<Passed> {
  try {
    checkText(sql);
    return checkTree(await treeOf(serialize, sql), tables);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new FaultError({ kind: 'refused', message: error.message, details: refusalDetails(error, sql) });
  }
}

async function treeOf(serialize: DuckDBPreparedStatement, sql: string): Promise<string> {
  serialize.bindVarchar(1, sql);
  const tree = (await serialize.runAndReadAll()).getRows()[0]?.[0];
  if (typeof tree !== 'string') throw new Error('json_serialize_sql answered nothing');
  return tree;
}

function interrupt(connection: DuckDBConnection): void {
  connection.interrupt();
}

await serve(open);
