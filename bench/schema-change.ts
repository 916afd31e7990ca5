import pg from 'pg';
import { ok, startStack } from './support/stack.js';
import { percentile, printTable } from './support/table.js';

/** PATCH, drop and undrop of a table over HTTP, by how many files it has. */
const FILES = [0, 10_000];
const ROUNDS = Number(process.argv[2] ?? 40);

const INSERT_FILES = `
  WITH t AS (SELECT table_id, created_snapshot_id FROM table_def WHERE table_name = $1),
  f AS (
    INSERT INTO data_file (tenant_id, table_id, path, schema_version, record_count, file_size_bytes, sha256,
                           sequence_number, min_visibility_token, max_visibility_token, state)
    SELECT 'bench', t.table_id, $1 || '/' || i, 1, 1, 1, sha256('f'), 1, i, i, 'live'
    FROM t, generate_series(1, $2::int) i
    RETURNING file_id, table_id
  )
  INSERT INTO file_span (file_id, table_id, added_snapshot_id)
  SELECT file_id, table_id, created_snapshot_id FROM f JOIN t USING (table_id)`;

const stack = await startStack();
const database = new pg.Client({ connectionString: stack.databaseUrl });
await database.connect();
try {
  const timed = async (method: string, path: string, body?: unknown) => {
    const startedAt = performance.now();
    await (await ok(stack.call(method, path, stack.adminKey, body))).text();
    return performance.now() - startedAt;
  };
  const nameOf = (files: number) => `t_${files}`;
  for (const files of FILES) {
    const schema = { columns: [{ name: 'id', type: 'int' }] };
    await timed('POST', '/v1/tables', { table_name: nameOf(files), schema });
    await database.query(INSERT_FILES, [nameOf(files), files]);
  }
  await database.query('ANALYZE');

  const times = new Map<string, number[]>();
  const measure = async (what: string, files: number, method: string, path: string, body?: unknown) => {
    const key = `${what}|${files}`;
    times.set(key, [...(times.get(key) ?? []), await timed(method, path, body)]);
  };
  // One after the other in turn, so that what else the machine does falls on both alike.
  for (let round = 0; round < ROUNDS; round++) {
    for (const files of FILES) {
      const path = `/v1/tables/${nameOf(files)}`;
      const column = { name: `c${round}`, type: 'string' };
      const renamed = { op: 'rename_column', from: `c${round}`, to: `r${round}` };
      await measure('PATCH add_column', files, 'PATCH', path, { changes: [{ op: 'add_column', column }] });
      await measure('PATCH rename_column', files, 'PATCH', path, { changes: [renamed] });
    }
  }
  for (let round = 0; round < 3; round++) {
    for (const files of FILES) {
      await measure('DELETE', files, 'DELETE', `/v1/tables/${nameOf(files)}`);
      await measure('undrop', files, 'POST', `/v1/tables/${nameOf(files)}/undrop`);
    }
  }
  printTable(
    'Changes of a table, milliseconds',
    ['change', 'files', 'p50', 'p95', 'calls'],
    [...times].map(([key, values]) => {
      const [what = '', files] = key.split('|');
      return [what, Number(files), percentile(values, 0.5), percentile(values, 0.95), values.length];
    }),
  );
} finally {
  await database.end();
  await stack.stop();
}
