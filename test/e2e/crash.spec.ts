import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { itOnS3, ownBucket } from '../support/own-bucket.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { createTable, TestService } from '../support/service.js';
import { expectOk, type IngestAnswer, type ServiceClient } from '../support/service-client.js';
import { until } from '../support/until.js';

/** Short, so that a new process soon takes over what a killed one had claimed. */
const LEASE = { TIDEMARK_LEASE_MS: '1000' };
const COLUMNS = [{ name: 'id', type: 'string', nullable: false }];
const WAIT = { consistency_timeout_ms: 30_000 };
const WRITERS = 3;
const RECORDS_PER_REQUEST = 20;

const s3 = ownBucket();
const services: TestService[] = [];
let database: TestDatabase | undefined;

async function start(options: Parameters<typeof TestService.start>[0]): Promise<TestService> {
  const service = await TestService.start({ ...options, env: { ...LEASE, ...options?.env } });
  services.push(service);
  return service;
}

afterEach(async () => {
  for (const service of services.splice(0)) await service.dispose();
  await database?.drop();
  database = undefined;
});

interface Sent {
  readonly key: string;
  readonly ids: readonly string[];
  /** Undefined where the answer was lost. */
  answer: IngestAnswer | undefined;
}

/** Sends requests until one fails, and remembers each with its answer. */
async function writeUntilItFails(writer: ServiceClient, name: string, sent: Sent[]): Promise<void> {
  for (let i = 0; ; i += 1) {
    const key = `${name}-${i}`;
    const ids = Array.from({ length: RECORDS_PER_REQUEST }, (_, n) => `${key}-${n}`);
    const request: Sent = { key, ids, answer: undefined };
    sent.push(request);
    try {
      request.answer = expectOk(await send(writer, request));
    } catch {
      return;
    }
  }
}

/** Of three hours, so that each commit has several files. */
const send = (writer: ServiceClient, { key, ids }: Sent) => {
  const records = ids.map((id, n) => ({ event_time: `2026-01-01T0${n % 3}:00:00Z`, payload: { id } }));
  return writer.ingest('events', { records }, { 'Idempotency-Key': key });
};

/** Writes until the service goes away: `end` is called when some requests of each writer were acknowledged. */
async function writeUntilTheEnd(admin: ServiceClient, round: string, sent: Sent[], end: () => Promise<void>) {
  const before = sent.length;
  const writers = Array.from({ length: WRITERS }, (_, n) => writeUntilItFails(admin, `${round}-${n}`, sent));
  const acknowledged = () => sent.slice(before).filter(({ answer }) => answer !== undefined).length;
  await until('some requests to be acknowledged', 20_000, () => acknowledged() > 60);
  await end();
  await Promise.all(writers);
}

/** Repeats every request: what was acknowledged must be known by its token, and all is there once. */
async function expectAllOnce(admin: ServiceClient, sent: readonly Sent[]): Promise<void> {
  let highest = 0;
  for (const request of sent) {
    const again = expectOk(await send(admin, request));
    if (request.answer !== undefined) {
      const { max_visibility_token } = request.answer;
      expect(again).toMatchObject({
        accepted_count: 0,
        duplicate_count: request.ids.length,
        max_visibility_token,
      });
    }
    highest = Math.max(highest, again.max_visibility_token);
  }
  const sql = 'SELECT count(*), count(DISTINCT id) FROM events';
  const [row] = await admin.rows(sql, { min_visibility_token: highest, ...WAIT });
  const ids = sent.reduce((sum, request) => sum + request.ids.length, 0);
  expect(row).toEqual([ids, ids]);
}

describe('nothing that was acknowledged is lost and nothing is there twice', () => {
  it('after kill -9 of a service on its own data dir', async () => {
    const service = await start({ databaseUrl: 'embedded' });
    const { keys } = service.credentials();
    const admin = () => service.client(keys.admin);
    const sent: Sent[] = [];
    for (const round of ['a', 'b']) {
      // The table `events` of the first start has an id among its columns.
      await writeUntilTheEnd(admin(), round, sent, () => service.kill());
      await service.launch();
      expect(service.credentials().keys).toEqual(keys);
      await expectAllOnce(admin(), sent);
    }
    await service.stop();
  });

  it('and on its own data dir a killed commit is taken up at once, however long the lease', async () => {
    const env = { TIDEMARK_FAILPOINTS: 'commit.claimed=kill', TIDEMARK_LEASE_MS: '3600000' };
    const service = await start({ databaseUrl: 'embedded', env });
    const admin = service.client(service.credentials().keys.admin);
    const request: Sent = { key: 'once', ids: ['a', 'b'], answer: undefined };
    request.answer = await send(admin, request).then(expectOk, () => undefined);
    await until('the service to be killed', 20_000, () => service.hasEnded);
    await service.launch({ TIDEMARK_FAILPOINTS: '' });
    await expectAllOnce(admin.at(service.url), [request]);
  });

  it('after SIGTERM under load', async () => {
    const service = await start({});
    const { admin } = await service.createTenant();
    await createTable(admin, 'events', COLUMNS);
    const sent: Sent[] = [];
    await writeUntilTheEnd(admin, 'a', sent, () => service.stop());
    await service.launch();
    await expectAllOnce(admin.at(service.url), sent);
  });

  itOnS3('after kill -9 of an api and a coordinator on Postgres and S3', async () => {
    database = await createTestDatabase();
    const shared = { databaseUrl: database.url, ...(s3 !== undefined && { s3 }) };
    const api = await start({ ...shared, roles: 'api' });
    const coordinator = await start({ ...shared, roles: 'coordinator' });
    const { admin } = await api.createTenant();
    await createTable(admin, 'events', COLUMNS);
    const sent: Sent[] = [];
    const kills = [
      async () => {
        await coordinator.kill();
        await api.kill();
      },
      async () => {
        await api.kill();
        await coordinator.kill();
      },
    ];
    for (const [round, kill] of kills.entries()) {
      await writeUntilTheEnd(admin.at(api.url), String(round), sent, kill);
      await Promise.all([api.launch(), coordinator.launch()]);
      await expectAllOnce(admin.at(api.url), sent);
    }
  });

  it.each([
    ['ingest.committed=kill', 0],
    ['commit.claimed=kill', 0],
    ['commit.pending_row=kill', 3],
    ['commit.uploaded=kill', 3],
    ['commit.uploaded=kill@1', 3],
    ['commit.uploaded=kill@2', 3],
    ['commit.published=kill', 3],
  ])('after %s', async (failpoint, writtenFiles) => {
    database = await createTestDatabase();
    const service = await start({ databaseUrl: database.url, env: { TIDEMARK_FAILPOINTS: failpoint } });
    const { admin } = await service.createTenant();
    await createTable(admin, 'events', COLUMNS);
    const request: Sent = { key: 'once', ids: ['a', 'b', 'c'], answer: undefined };
    request.answer = await send(admin, request).then(expectOk, () => undefined);
    await until('the service to be killed', 20_000, () => service.hasEnded);
    const known = await filesOf(database);
    expect(known).toHaveLength(writtenFiles);
    // What was uploaded, all or a part, is known, and what is not published is not seen.
    expect(known).toEqual(expect.arrayContaining(objectsOf(service)));
    await service.launch({ TIDEMARK_FAILPOINTS: '' });
    await expectAllOnce(admin.at(service.url), [request]);
  });
});

async function filesOf({ url }: TestDatabase): Promise<string[]> {
  const catalog = new pg.Client({ connectionString: url });
  await catalog.connect();
  const { rows } = await catalog.query<{ path: string }>('SELECT path FROM data_file');
  await catalog.end();
  return rows.map(({ path }) => path);
}

/** Keys of the Parquet files in the service's folder of objects. */
function objectsOf({ dataDir }: TestService): string[] {
  const folder = join(dataDir, 'objects');
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return entries.filter((path) => path.endsWith('.parquet'));
}
