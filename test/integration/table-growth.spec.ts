import { TableGrowth } from '../../src/modules/tables/index.js';
import { startIngestApp, type IngestApp } from '../support/ingest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

interface ShownTable {
  readonly schema_version: number;
  readonly schema: { readonly columns: readonly { readonly name: string }[] };
}

let database: TestDatabase;
let app: IngestApp;
let growth: TableGrowth;
let tenantId: string;
let key: string;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startIngestApp(database.url);
  growth = app.nest.get(TableGrowth, { strict: false });
});
afterAll(async () => {
  await app.close();
  await database.drop();
});
beforeEach(async () => {
  ({ id: tenantId, table_admin: key } = await app.tenant('table_admin'));
});

const call = async (method: 'GET' | 'POST' | 'DELETE', url: string, body?: object) =>
  (await app.call(method, url, { key, body })).body as unknown as ShownTable;
/** Answers the table's id. */
async function create(name: string): Promise<number> {
  const schema = { columns: [{ name, type: 'int' }] };
  await call('POST', '/v1/tables', { table_name: 't', evolution_mode: 'evolve', schema });
  const [row] = await app.database.query<{ id: number }[]>(
    'SELECT table_id AS id FROM table_def WHERE tenant_id = $1 AND dropped_snapshot_id IS NULL',
    [tenantId],
  );
  return row?.id ?? 0;
}
const shown = () => call('GET', '/v1/tables/t');
const namesOf = ({ schema }: ShownTable) => schema.columns.map(({ name }) => name);
const grow = (tableId: number, name: string) => {
  const needed = [{ name, type: { kind: 'int' }, nullable: true } as const];
  return growth.grow({ tenantId, tableId, tableName: 't', known: [], needed, by: 'a key' });
};

it('makes one version of all that gathers while a change of the table is under way', async () => {
  const tableId = await create('id');
  const names = Array.from({ length: 12 }, (_, n) => `f${n}`);
  await Promise.all(names.map((name) => grow(tableId, name)));
  const table = await shown();
  expect(namesOf(table)).toEqual(['id', ...names]);
  // The first request's, and that of the eleven others.
  expect(table.schema_version).toBe(3);
});

it('leaves a table alone that came in place of the one that was asked for', async () => {
  const former = await create('before');
  await call('DELETE', '/v1/tables/t');
  await create('after');
  await grow(former, 'late');
  const table = await shown();
  expect([namesOf(table), table.schema_version]).toEqual([['after'], 1]);
});
