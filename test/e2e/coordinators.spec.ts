import { readFileSync } from 'node:fs';
import pg from 'pg';
import { describeOnS3, ownBucket } from '../support/own-bucket.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';
import { until } from '../support/until.js';

/** Short, so that it soon is over while its holder is stopped. */
const LEASE = { TIDEMARK_LEASE_MS: '1000' };
const WAIT_MS = 30_000;
const COLUMNS = [{ name: 'id', type: 'string', nullable: false }];

const s3 = ownBucket();
const services: TestService[] = [];
let database: TestDatabase;
let catalog: pg.Client;
let api: TestService;

beforeAll(async () => {
  database = await createTestDatabase();
  catalog = new pg.Client({ connectionString: database.url });
  await catalog.connect();
  if (s3 !== undefined) api = await start('api', services);
});
afterAll(async () => {
  for (const service of services) await service.dispose();
  await catalog.end();
  await database.drop();
});

let coordinators: TestService[] = [];
afterEach(async () => {
  for (const coordinator of coordinators) {
    wake(coordinator);
    await coordinator.dispose();
  }
  coordinators = [];
});

async function start(
  roles: string,
  list: TestService[],
  env: Record<string, string> = {},
): Promise<TestService> {
  const service = await TestService.start({
    roles,
    databaseUrl: database.url,
    ...(s3 !== undefined && { s3 }),
    env: { ...LEASE, ...env },
  });
  list.push(service);
  return service;
}
const startCoordinator = (env?: Record<string, string>) => start('coordinator', coordinators, env);

async function newTenant(): Promise<TestTenant> {
  const tenant = await api.createTenant();
  await createTable(tenant.tableAdmin, 'events', COLUMNS);
  return tenant;
}

const write = async (tenant: TestTenant, id: string, wait = false) =>
  expectOk(
    await tenant.writer.ingest('events', {
      records: [{ idempotency_key: id, payload: { id } }],
      ...(wait && { wait_for_visibility: true, visibility_timeout_ms: WAIT_MS }),
    }),
  );

/** All rows, and the snapshot that has them. */
async function read({ reader }: TestTenant) {
  const { rows, snapshot_id } = expectOk(await reader.query('SELECT id FROM events ORDER BY id'));
  return { ids: rows.flat(), snapshot: snapshot_id };
}

interface Publication {
  readonly consumer: string;
  readonly watermark: number;
}

/** Who published what, in order. A chain that forks or has a hole would show here. */
async function publications({ id }: TestTenant): Promise<Publication[]> {
  const { rows } = await catalog.query<{ by: string; watermark: string }>(
    `WITH RECURSIVE chain AS (
       SELECT s.* FROM snapshot s JOIN tenant_head h USING (tenant_id, snapshot_id) WHERE tenant_id = $1
       UNION ALL
       SELECT s.* FROM chain c JOIN snapshot s ON s.snapshot_id = c.parent_snapshot_id
     )
     SELECT created_by AS by, max_visibility_token AS watermark FROM chain
     WHERE operation = 'append' ORDER BY sequence_number`,
    [id],
  );
  return rows.map(({ by, watermark }) => ({ consumer: by, watermark: Number(watermark) }));
}

const processOf = ({ consumer }: Publication): number => Number(consumer.split(':').at(-2));

const signal = (name: NodeJS.Signals) => (service: TestService) => {
  if (!service.hasEnded) process.kill(service.pid, name);
};
const stop = signal('SIGSTOP');
const wake = signal('SIGCONT');

function isStopped({ pid }: TestService): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}

/** Sleeps through its lease, wakes up, and has found out. */
async function awaken(zombie: TestService): Promise<void> {
  const said = zombie.output.length;
  wake(zombie);
  await until('the zombie to learn that its work is lost', WAIT_MS, () =>
    /a publication was refused|a commit failed/.test(zombie.output.slice(said)),
  );
}

describeOnS3('a coordinator that is stopped past its lease', () => {
  it.each(['commit.claimed', 'commit.uploaded'])(
    'at %s does no harm when it wakes up, and works on',
    async (point) => {
      const tenant = await newTenant();
      const zombie = await startCoordinator({ TIDEMARK_FAILPOINTS: `${point}=stop` });
      await write(tenant, 'a');
      await until('it to stop itself', WAIT_MS, () => isStopped(zombie));
      const other = await startCoordinator();
      expect(await write(tenant, 'b', true)).toMatchObject({ status: 'visible' });
      const before = await read(tenant);
      expect(before.ids).toEqual(['a', 'b']);
      await awaken(zombie);
      expect(await read(tenant)).toEqual(before);
      await other.stop();
      expect(await write(tenant, 'c', true)).toMatchObject({ status: 'visible' });
      expect((await read(tenant)).ids).toEqual(['a', 'b', 'c']);
      const published = await publications(tenant);
      expect(published.at(-1)).toMatchObject({ watermark: 3 });
      expect(processOf(published.at(-1) as Publication)).toBe(zombie.pid);
      expect(published.slice(0, -1).map(processOf)).not.toContain(zombie.pid);
    },
  );

  it('in the middle of its publication holds nobody up for long, and does no harm', async () => {
    const tenant = await newTenant();
    const zombie = await startCoordinator();
    await catalog.query('BEGIN');
    await catalog.query('SELECT FROM tenant_head WHERE tenant_id = $1 FOR UPDATE', [tenant.id]);
    await write(tenant, 'a');
    const backends = async (condition: string) => {
      const { rowCount } = await catalog.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND ${condition}`,
      );
      return rowCount ?? 0;
    };
    await until('it to wait for the head', WAIT_MS, async () => {
      // The view is read anew inside a transaction only after this.
      await catalog.query('SELECT pg_stat_clear_snapshot()');
      return (await backends(`wait_event_type = 'Lock' AND query LIKE '%tenant_head%'`)) > 0;
    });
    stop(zombie);
    await until('it to be stopped', WAIT_MS, () => isStopped(zombie));
    await catalog.query('COMMIT');
    await until(
      'it to hold the head',
      WAIT_MS,
      async () => (await backends(`state = 'idle in transaction'`)) > 0,
    );
    const other = await startCoordinator();
    expect(await write(tenant, 'b', true)).toMatchObject({ status: 'visible' });
    const before = await read(tenant);
    expect(before.ids).toEqual(['a', 'b']);
    await awaken(zombie);
    expect(await read(tenant)).toEqual(before);
    expect((await publications(tenant)).map(processOf)).not.toContain(zombie.pid);
    await other.stop();
    expect(await write(tenant, 'c', true)).toMatchObject({ status: 'visible' });
    expect((await read(tenant)).ids).toEqual(['a', 'b', 'c']);
  });
});

describeOnS3('two coordinators on one catalog', () => {
  it('share the tenants, publish each event once, and the one takes over what the other leaves', async () => {
    const [one, two] = await Promise.all([startCoordinator(), startCoordinator()]);
    const tenants = await Promise.all(Array.from({ length: 4 }, newTenant));
    const sent = new Map(tenants.map((tenant): [TestTenant, string[]] => [tenant, []]));
    const writeAll = (round: number) =>
      Promise.all(
        tenants.map(async (tenant, n) => {
          const id = `r${String(round).padStart(2, '0')}`;
          await write(tenant, id, n % 2 === 0);
          sent.get(tenant)?.push(id);
        }),
      );
    const publishers = async () => {
      const processes = new Set<number>();
      for (const tenant of tenants)
        for (const each of await publications(tenant)) processes.add(processOf(each));
      return processes;
    };
    let round = 0;
    await until('both to have published', WAIT_MS, async () => {
      await writeAll(round++);
      return (await publishers()).size === 2;
    });
    expect(await publishers()).toEqual(new Set([one.pid, two.pid]));
    await one.kill();
    await writeAll(round++);
    for (const tenant of tenants) {
      const { max_visibility_token } = await write(tenant, 'last', true);
      expect((await read(tenant)).ids).toEqual(['last', ...(sent.get(tenant) ?? [])]);
      const published = await publications(tenant);
      expect(published.at(-1)?.watermark).toBe(max_visibility_token);
      const watermarks = published.map(({ watermark }) => watermark);
      expect(watermarks).toEqual([...new Set(watermarks)].toSorted((a, b) => a - b));
    }
  });
});
