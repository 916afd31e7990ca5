import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { createTable, TestService, type ServiceOptions } from '../support/service.js';
import { expectOk, type ServiceClient } from '../support/service-client.js';
import { until } from '../support/until.js';

/** Bodies and the class 1h live for half a second, the class 24h for twelve. */
const SHORT = { TIDEMARK_WINDOW_DIVISOR: '7200', TIDEMARK_PURGE_CRON: '* * * * * *' };
const COLUMNS = [{ name: 'id', type: 'string' }];

let database: TestDatabase;
let catalog: pg.Client;
const services: TestService[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  catalog = new pg.Client({ connectionString: database.url });
  await catalog.connect();
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.dispose();
  await catalog.end();
  await database.drop();
});

async function start(options: ServiceOptions): Promise<TestService> {
  const service = await TestService.start({
    databaseUrl: database.url,
    ...options,
    env: { ...SHORT, ...options.env },
  });
  services.push(service);
  return service;
}

async function generationOf(className: string): Promise<number> {
  const { rows } = await catalog.query<{ number: number }>(
    'SELECT number FROM ingest_generation WHERE class = $1',
    [className],
  );
  return rows[0]?.number ?? 0;
}

async function bodyLeaves(): Promise<number> {
  const { rows } = await catalog.query<{ leaves: number }>(
    `SELECT count(*)::int AS leaves FROM pg_inherits WHERE inhparent = 'ingest_body'::regclass`,
  );
  return rows[0]?.leaves ?? 0;
}

async function untilRotated(className: string, times: number): Promise<void> {
  const from = await generationOf(className);
  await until(
    `${times} generations of ${className}`,
    60_000,
    async () => (await generationOf(className)) >= from + times,
  );
}

const ingest = async (writer: ServiceClient, id: string) =>
  expectOk(await writer.ingest('events', { records: [{ idempotency_key: id, payload: { id } }] }));

describe('the ledger of a service', () => {
  it('is rotated and dropped by two processes at once, while unpublished events stay', async () => {
    const api = await start({ roles: 'api,maintenance' });
    const other = await start({ roles: 'maintenance' });
    const { writer, tableAdmin, admin } = await api.createTenant();
    await createTable(tableAdmin, 'events', COLUMNS);
    const { max_visibility_token } = await ingest(writer, 'early');
    await untilRotated('body', 4);
    expect(await bodyLeaves()).toBeGreaterThanOrEqual(6);

    // The folder of objects is one process's: a service with all roles takes the place of the api.
    await api.stop();
    await api.launch({ TIDEMARK_ROLES: 'api,coordinator,maintenance' });
    const reader = admin.at(api.url);
    expect(
      await reader.rows('SELECT id FROM events', {
        min_visibility_token: max_visibility_token,
        consistency_timeout_ms: 30_000,
      }),
    ).toEqual([['early']]);
    await until('the bodies to be dropped', 30_000, async () => (await bodyLeaves()) <= 4);

    const { rows } = await catalog.query<{ dropped: string }>(
      `SELECT jsonb_path_query_array(jsonb_agg(progress), '$[*].dropped_leaves[*]')::text AS dropped
       FROM maintenance_run WHERE kind = 'purge' AND state = 'succeeded' AND requested_by = 'schedule'`,
    );
    const dropped = JSON.parse(rows[0]?.dropped ?? '[]') as string[];
    expect(new Set(dropped).size).toBe(dropped.length);
    const metrics = await other.client().get('/v1/metrics');
    expect(metrics.status).toBe(200);
    expect(String(metrics.body)).toMatch(/tidemark_ledger_generation\{class="body"\} \d+/);
    expect(String(metrics.body)).toMatch(/^tidemark_dead_letters 0$/m);
  });

  it.each(['ledger.rotated', 'ledger.leaf_dropped'])('goes on after a kill at %s', async (point) => {
    const service = await start({});
    const { admin } = await service.createTenant();
    await createTable(admin, 'events', COLUMNS);
    const tokens = [(await ingest(admin, 'first')).max_visibility_token];
    await service.stop();
    const untilKilled = () => until('the service to be killed', 60_000, () => service.hasEnded);
    // On a slow machine it is killed before it is ready.
    await service.launch({ TIDEMARK_FAILPOINTS: `${point}=kill@3` }).catch(untilKilled);
    const writer = admin.at(service.url);
    for (let n = 0; !service.hasEnded; n += 1) {
      const answer = await ingest(writer, `k-${n}`).catch(() => undefined);
      if (answer !== undefined) tokens.push(answer.max_visibility_token);
    }
    await service.launch();
    await untilRotated('body', 2);
    const client = admin.at(service.url);
    const { max_visibility_token } = await ingest(client, 'last');
    const [row] = await client.rows('SELECT count(*) FROM events', {
      min_visibility_token: max_visibility_token,
      consistency_timeout_ms: 30_000,
    });
    expect(Number(row?.[0])).toBeGreaterThanOrEqual(tokens.length + 1);
    expect(max_visibility_token).toBeGreaterThan(Math.max(...tokens));
  });
});
