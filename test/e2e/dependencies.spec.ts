import { itOnS3, ownBucket } from '../support/own-bucket.js';
import { startProxiedService, type ProxiedService } from '../support/proxied-service.js';
import { createTable, type TestService, type TestTenant } from '../support/service.js';
import { expectOk, type Answer, type Problem } from '../support/service-client.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const BACK_MS = 30_000;
/** A call that meets a Postgres which hangs: an open connection is given up after 20 s, with room for a busy machine. */
const CALL_ANSWERS_MS = 40_000;
const SQL = 'SELECT count(*) FROM events';

const bucket = ownBucket();

let proxied: ProxiedService;
let postgres: TcpProxy;
let s3: TcpProxy | undefined;
let service: TestService;
let tenant: TestTenant;
let written = 0;

beforeAll(async () => {
  proxied = await startProxiedService(bucket);
  ({ service, postgres, s3 } = proxied);
  tenant = await service.createTenant();
  await createTable(tenant.tableAdmin, 'events', [{ name: 'id', type: 'int' }]);
  expect((await write({ wait_for_visibility: true, visibility_timeout_ms: 30_000 })).status).toBe(200);
});

// A test that fails in the middle leaves the others what they need.
afterEach(() => Promise.all([postgres.mend(), s3?.mend()]));
afterAll(() => proxied.dispose());

async function write(more: Record<string, unknown> = {}) {
  const id = written;
  const answer = await tenant.writer.ingest('events', {
    records: [{ idempotency_key: `e${id}`, payload: { id } }],
    ...more,
  });
  if (answer.status < 300) written += 1;
  return answer;
}

const ready = (query = '') =>
  service.client().get<{ context?: { checks: Record<string, { status: string }> } }>(`/v1/ready${query}`);

async function expectReadyAnswers503(dependency: string): Promise<void> {
  await until(`${dependency} to be missed`, BACK_MS, async () => (await ready()).status === 503);
  const answer = await ready();
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(answer.body.context?.checks[dependency]).toMatchObject({
    status: 'down',
    latency_ms: expect.any(Number) as number,
  });
  expect((await service.client().get('/v1/health')).status).toBe(200);
}

async function expectBack(): Promise<void> {
  await until('the service to be ready again', BACK_MS, async () => (await ready()).status === 200);
  const answer = expectOk(await write());
  const more = { min_visibility_token: answer.max_visibility_token, consistency_timeout_ms: BACK_MS };
  expect(await tenant.reader.rows(SQL, more)).toEqual([[written]]);
}

describe('while Postgres is away', () => {
  it('answers 503 with Retry-After, keeps its health, and comes back by itself', async () => {
    await postgres.cut();
    await expectReadyAnswers503('postgres');
    expect((await ready('?for=ingest')).status).toBe(503);
    const calls: (() => Promise<Answer<unknown>>)[] = [
      () => write(),
      () => tenant.reader.query(SQL),
      () => tenant.reader.get('/v1/tables'),
      () => tenant.reader.get('/v1/snapshots'),
    ];
    for (const call of calls) {
      const answer = await call();
      expect({ status: answer.status, code: (answer.body as Problem).error_code }).toEqual({
        status: 503,
        code: 'DEPENDENCY_UNAVAILABLE',
      });
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    }
    await postgres.mend();
    await expectBack();
  });

  it('does not hang when Postgres does', async () => {
    postgres.stall();
    await expectReadyAnswers503('postgres');
    const calls: (() => Promise<Answer<unknown>>)[] = [() => write(), () => tenant.reader.get('/v1/tables')];
    const from = performance.now();
    for (const answer of await Promise.all(calls.map((call) => call()))) {
      expect(answer).toMatchObject({ status: 503, body: { error_code: 'DEPENDENCY_UNAVAILABLE' } });
    }
    expect(performance.now() - from).toBeLessThan(CALL_ANSWERS_MS);
    await postgres.mend();
    await expectBack();
  }, 120_000);
});

describe('while the object store is away', () => {
  itOnS3('takes events, says that it is not ready, and commits when the store is back', async () => {
    await s3?.cut();
    await expectReadyAnswers503('object_store');
    expect((await ready('?for=ingest')).status).toBe(200);
    const kept = [await write(), await write()];
    expect(kept.map(({ status }) => status)).toEqual([202, 202]);
    const token = kept[1]?.body.max_visibility_token;
    expect(
      await tenant.reader.query(SQL, { min_visibility_token: token, consistency_timeout_ms: 300 }),
    ).toMatchObject({
      status: 504,
      body: { error_code: 'CONSISTENCY_TIMEOUT' },
    });
    await s3?.mend();
    const more = { min_visibility_token: token, consistency_timeout_ms: BACK_MS };
    expect(await tenant.reader.rows(SQL, more)).toEqual([[written]]);
    await expectBack();
  });

  itOnS3('does not hang when the store does', async () => {
    s3?.stall();
    await expectReadyAnswers503('object_store');
    expect(await write()).toMatchObject({ status: 202 });
    await s3?.mend();
    await expectBack();
  });
});

describe('a stop while dependencies are away', () => {
  it('is clean, and what was acknowledged is there afterwards', async () => {
    const answer = expectOk(await write());
    await Promise.all([postgres.cut(), s3?.cut()]);
    await expectReadyAnswers503('postgres');
    await service.stop();
    await Promise.all([postgres.mend(), s3?.mend()]);
    await service.launch();
    const more = { min_visibility_token: answer.max_visibility_token, consistency_timeout_ms: BACK_MS };
    expect(await tenant.reader.at(service.url).rows(SQL, more)).toEqual([[written]]);
  });
});
