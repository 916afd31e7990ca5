import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';
import { until } from '../support/until.js';

/** A wait ends when the watermark has passed the token. What became of each record is its receipt's to say. */

let database: TestDatabase;
let api: TestService;
let coordinator: TestService | undefined;
let tenant: TestTenant;

beforeAll(async () => {
  database = await createTestDatabase();
  // Nothing is published before the coordinator starts.
  api = await TestService.start({ roles: 'api', databaseUrl: database.url });
  tenant = await api.createTenant();
});

afterAll(async () => {
  await coordinator?.dispose();
  await api.dispose();
  await database.drop();
});

const receipt = async (table: string, key: string) =>
  expectOk(await tenant.writer.get<{ state: string }>(`/v1/ingest/${table}/receipts?key=${key}`)).state;

it('a wait for events that are discarded or dead hears that their token was reached', async () => {
  for (const table of ['dropped', 'other'])
    await createTable(tenant.tableAdmin, table, [{ name: 'id', type: 'int' }]);
  const wait = { wait_for_visibility: true, visibility_timeout_ms: 60_000 };
  const send = (table: string, key: string, id: unknown, more: object = {}) =>
    tenant.writer.ingest(table, { records: [{ idempotency_key: key, payload: { id } }], ...wait, ...more });
  const waiting = [send('dropped', 'lost', 1), send('other', 'misfit', 'one', { on_invalid: 'quarantine' })];
  await until('both to be accepted', 10_000, async () => {
    const states = [await receipt('dropped', 'lost'), await receipt('other', 'misfit')];
    return states[0] === 'accepted' && states[1] !== 'unknown';
  });
  expectOk(await tenant.tableAdmin.delete('/v1/tables/dropped'));
  coordinator = await TestService.start({ roles: 'coordinator', databaseUrl: database.url });

  for (const answer of await Promise.all(waiting)) {
    expect(answer).toMatchObject({ status: 200, body: { status: 'visible' } });
    const { max_visibility_token: token, visible_snapshot_id } = answer.body;
    const { snapshot_id } = expectOk(
      await tenant.reader.query('SELECT 1', { min_visibility_token: token, consistency_timeout_ms: 0 }),
    );
    expect(snapshot_id).toBeGreaterThanOrEqual(visible_snapshot_id ?? Infinity);
    const gone = await tenant.reader.query('SELECT id FROM dropped', { snapshot_id: visible_snapshot_id });
    expect(gone).toMatchObject({ status: 400, body: { error_code: 'SQL_INVALID' } });
  }
  expect(await receipt('dropped', 'lost')).toBe('discarded');
  expect(await receipt('other', 'misfit')).toBe('dead');
});
