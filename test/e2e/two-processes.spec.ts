import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { itOnS3, ownBucket } from '../support/own-bucket.js';
import { createTable, TestService } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

const s3 = ownBucket();
let database: TestDatabase | undefined;
const services: TestService[] = [];

afterEach(async () => {
  for (const service of services.splice(0)) await service.dispose();
  await database?.drop();
});

async function start(roles: string): Promise<TestService> {
  database ??= await createTestDatabase();
  const service = await TestService.start({
    roles,
    databaseUrl: database.url,
    ...(s3 !== undefined && { s3 }),
  });
  services.push(service);
  return service;
}

itOnS3('an api and a coordinator share Postgres and S3, and stop cleanly', async () => {
  const api = await start('api');
  const tenant = await api.createTenant();
  await createTable(tenant.tableAdmin, 'events', [{ name: 'id', type: 'string' }]);

  // Without a coordinator the write stands and the read does not lie.
  const early = await tenant.writer.ingest('events', {
    records: [{ idempotency_key: 'early', payload: { id: 'early' } }],
    wait_for_visibility: true,
    visibility_timeout_ms: 300,
  });
  expect(early).toMatchObject({ status: 202, body: { accepted_count: 1, status: 'accepted' } });
  const token = early.body.max_visibility_token;
  expect(
    await tenant.reader.query('SELECT id FROM events', {
      min_visibility_token: token,
      consistency_timeout_ms: 200,
    }),
  ).toMatchObject({ status: 504, body: { error_code: 'CONSISTENCY_TIMEOUT' } });

  const coordinator = await start('coordinator');
  expect(await coordinator.client().get('/v1/health')).toMatchObject({ status: 200 });
  expect(await coordinator.client().get('/v1/metrics')).toMatchObject({ status: 200 });
  expect(await coordinator.client().get('/v1/tables')).toMatchObject({ status: 404 });
  expect(await tenant.reader.rows('SELECT id FROM events', { min_visibility_token: token })).toEqual([
    ['early'],
  ]);

  const written = await tenant.writer.ingest('events', {
    records: [{ idempotency_key: 'late', payload: { id: 'late' } }],
    wait_for_visibility: true,
    visibility_timeout_ms: 20_000,
  });
  expect(written).toMatchObject({ status: 200, body: { status: 'visible' } });
  expect(await tenant.reader.rows('SELECT id FROM events ORDER BY id')).toEqual([['early'], ['late']]);

  // Another api knows keys, tables and data, and a second coordinator takes turns with the first.
  const [second] = await Promise.all([start('api'), start('coordinator')]);
  expect(await tenant.reader.at(second.url).rows('SELECT count(*) FROM events')).toEqual([[2]]);
  const both = await Promise.all(
    [api, second].map(({ url }, n) =>
      tenant.writer.at(url).ingest('events', {
        records: [
          { idempotency_key: 'same', payload: { id: 'same' } },
          { idempotency_key: `own-${n}`, payload: { id: `own-${n}` } },
        ],
      }),
    ),
  );
  const answers = both.map(expectOk);
  expect(answers.reduce((sum, { accepted_count }) => sum + accepted_count, 0)).toBe(3);
  const newest = Math.max(...answers.map((answer) => answer.max_visibility_token));
  expect(await tenant.reader.rows('SELECT count(*) FROM events', { min_visibility_token: newest })).toEqual([
    [5],
  ]);

  for (const service of services) await service.stop();
});
