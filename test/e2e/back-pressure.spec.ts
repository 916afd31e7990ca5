import { itOnS3, ownBucket } from '../support/own-bucket.js';
import { startProxiedService, type ProxiedService } from '../support/proxied-service.js';
import { createTable, type TestService, type TestTenant } from '../support/service.js';
import { expectOk, type Answer, type Problem } from '../support/service-client.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

const BACK_MS = 30_000;
const MAX_REQUESTS = 8;
const MAX_PENDING = 20;
const SQL = 'SELECT count(*) FROM events';

const bucket = ownBucket();

let proxied: ProxiedService;
let postgres: TcpProxy;
let s3: TcpProxy | undefined;
let service: TestService;
let greedy: TestTenant;
let modest: TestTenant;

beforeAll(async () => {
  proxied = await startProxiedService(bucket, {
    TIDEMARK_HTTP_MAX_REQUESTS: String(MAX_REQUESTS),
    TIDEMARK_INGEST_MAX_PENDING_EVENTS: String(MAX_PENDING),
  });
  ({ service, postgres, s3 } = proxied);
  [greedy, modest] = [await service.createTenant(), await service.createTenant()];
  for (const { tableAdmin } of [greedy, modest])
    await createTable(tableAdmin, 'events', [{ name: 'id', type: 'int' }]);
});

afterAll(() => proxied.dispose());

let written = 0;
const write = ({ writer }: TestTenant) => {
  const id = written++;
  return writer.ingest('events', { records: [{ idempotency_key: `e${id}`, payload: { id } }] });
};

const kindOf = ({ status, body }: Answer<unknown>) => `${status} ${(body as Problem).error_code}`;

function tally(answers: readonly Answer<unknown>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[kindOf(answer)] = (counts[kindOf(answer)] ?? 0) + 1;
  return counts;
}

async function expectCount(tenant: TestTenant, token: number, count: number): Promise<void> {
  const more = { min_visibility_token: token, consistency_timeout_ms: BACK_MS };
  expect(await tenant.reader.rows(SQL, more)).toEqual([[count]]);
}

describe('while Postgres says nothing', () => {
  it('holds a bounded number of requests, refuses the greedy tenant first, and recovers by itself', async () => {
    // Keys and tables are known to the process, so that requests get as far as they can.
    expect((await write(greedy)).status).toBe(202);
    expect((await write(modest)).status).toBe(202);
    postgres.stall();
    const flood = Array.from({ length: 5 * MAX_REQUESTS }, () => write(greedy));
    const other = write(modest);
    const answers = await Promise.all(flood);
    expect(tally(answers)).toEqual({
      // Half of what the process takes is held until Postgres is given up.
      '503 DEPENDENCY_UNAVAILABLE': MAX_REQUESTS / 2,
      '429 QUEUE_FULL': 5 * MAX_REQUESTS - MAX_REQUESTS / 2,
    });
    for (const { headers } of answers) expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(kindOf(await other)).toBe('503 DEPENDENCY_UNAVAILABLE');
    expect((await service.client().get('/v1/health')).status).toBe(200);
    await postgres.mend();
    for (const tenant of [greedy, modest]) {
      let last: Answer<{ max_visibility_token: number }> | undefined;
      await until('a write to be taken', BACK_MS, async () => (last = await write(tenant)).status === 202);
      await expectCount(tenant, last?.body.max_visibility_token ?? 0, 2);
    }
  });
});

describe('while the object store says nothing', () => {
  itOnS3(
    'takes events up to the limit of the tenant, refuses more, and goes on when it is back',
    async () => {
      const before = Number((await greedy.reader.rows(SQL))[0]?.[0]);
      s3?.stall();
      let taken = 0;
      let refused: Answer<unknown> | undefined;
      while (refused === undefined && taken <= 2 * MAX_PENDING) {
        const answer = await write(greedy);
        if (answer.status === 202) taken += 1;
        else refused = answer;
      }
      expect(refused).toMatchObject({
        status: 429,
        body: { error_code: 'QUEUE_FULL', context: { max_pending_events: MAX_PENDING } },
      });
      expect(taken).toBe(MAX_PENDING);
      expect(expectOk(await greedy.writer.get('/v1/me'))).toMatchObject({ left: { pending_events: 0 } });
      expect((await write(modest)).status).toBe(202);
      await s3?.mend();
      let last: Answer<{ max_visibility_token: number }> | undefined;
      await until('a write to be taken', BACK_MS, async () => (last = await write(greedy)).status === 202);
      await expectCount(greedy, last?.body.max_visibility_token ?? 0, before + MAX_PENDING + 1);
    },
  );
});
