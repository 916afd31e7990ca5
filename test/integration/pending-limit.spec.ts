import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startIngestApp, type IngestApp } from '../support/ingest-app.js';
import { until } from '../support/until.js';

const WAIT_MS = 10_000;

let database: TestDatabase;
let app: IngestApp;
let written = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startIngestApp(database.url);
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

type Tenant = Awaited<ReturnType<typeof newTenant>>;

async function newTenant(maxPending: number) {
  const tenant = await app.tenant('ingest_writer', 'table_admin');
  await app.database.query('INSERT INTO tenant_quota (tenant_id, pending_events) VALUES ($1, $2)', [
    tenant.id,
    maxPending,
  ]);
  const body = { table_name: 'events', schema: { columns: [{ name: 'id', type: 'int' }] } };
  expect(await app.call('POST', '/v1/tables', { key: tenant.table_admin, body })).toMatchObject({
    status: 201,
  });
  return tenant;
}

function write({ ingest_writer: key }: Tenant, records = 1) {
  const body = {
    records: Array.from({ length: records }, () => ({
      idempotency_key: `e${written}`,
      payload: { id: written++ },
    })),
  };
  return app.call('POST', '/v1/ingest/events', { key, body });
}

const left = async ({ ingest_writer: key }: Tenant) => (await app.call('GET', '/v1/me', { key })).body;

async function clockOf(tenantId: string): Promise<number> {
  const rows: { last_token: number }[] = await app.database.query(
    'SELECT last_token FROM tenant_clock WHERE tenant_id = $1',
    [tenantId],
  );
  return rows[0]?.last_token ?? 0;
}

/** What another process does when it publishes; `told` is whether the notification arrives. */
async function publish({ id }: Tenant, token: number, told: boolean): Promise<void> {
  await app.database.query('UPDATE tenant_head SET published_token = $2 WHERE tenant_id = $1', [id, token]);
  if (told) await app.database.query(`SELECT pg_notify('tidemark_published', $1)`, [`${id}:${token}:1`]);
}

describe('the limit of pending events', () => {
  it('refuses with 429 at the limit, keeps nothing, and leaves other tenants alone', async () => {
    const [tenant, other] = [await newTenant(3), await newTenant(3)];
    expect((await write(tenant, 3)).status).toBe(202);
    const refused = await write(tenant);
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'retry-after': '1' },
      body: {
        error_code: 'QUEUE_FULL',
        retryable: true,
        context: { pending_events: 3, max_pending_events: 3 },
      },
    });
    expect(await clockOf(tenant.id)).toBe(3);
    expect((await write(other)).status).toBe(202);
    expect(await left(tenant)).toMatchObject({ limits: { pending_events: 3 }, left: { pending_events: 0 } });
    expect(await left(other)).toMatchObject({ limits: { pending_events: 3 }, left: { pending_events: 2 } });
  });

  it.each([
    ['that it is told of', true],
    ['whose notification is lost', false],
  ])('takes writes again after a publication %s', async (_, told) => {
    const tenant = await newTenant(2);
    await write(tenant, 2);
    expect((await write(tenant)).status).toBe(429);
    await publish(tenant, 1, told);
    await until('a write to be taken', WAIT_MS, async () => (await write(tenant)).status === 202);
    expect((await write(tenant)).status).toBe(429);
    expect(await clockOf(tenant.id)).toBe(3);
  });

  it('never refuses what a fresh reading would let pass', async () => {
    const tenant = await newTenant(2);
    // All is published at once, and nobody tells this process.
    for (let round = 1; round <= 5; round++) {
      expect((await write(tenant, 2)).status).toBe(202);
      await publish(tenant, 2 * round, false);
    }
  });

  it('counts what other processes acknowledged, after a while', async () => {
    const tenant = await newTenant(10);
    expect((await write(tenant)).status).toBe(202);
    await app.database.query('UPDATE tenant_clock SET last_token = 50 WHERE tenant_id = $1', [tenant.id]);
    await until('a refusal', WAIT_MS, async () => (await write(tenant)).status === 429);
  });

  it('takes a changed quota, and the default where there is none', async () => {
    const tenant = await newTenant(1);
    await write(tenant);
    expect((await write(tenant)).status).toBe(429);
    await app.database.query('DELETE FROM tenant_quota WHERE tenant_id = $1', [tenant.id]);
    await until('a write to be taken', WAIT_MS, async () => (await write(tenant)).status === 202);
    expect(await left(tenant)).toMatchObject({
      limits: { pending_events: 10_000_000 },
      left: { pending_events: 9_999_998 },
    });
  });
});
