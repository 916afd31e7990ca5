import { Global, Module } from '@nestjs/common';
import { Migrations, Transactions } from '../../src/database/index.js';
import { Draining } from '../../src/http/index.js';
import { CLOCK, ReadinessRegistry, systemClock } from '../../src/kernel/index.js';
import { BusModule, INGEST_BUS } from '../../src/modules/bus/index.js';
import { OperationsHttpModule } from '../../src/modules/operations/index.js';
import { OBJECT_STORE, StorageModule } from '../../src/modules/storage/index.js';
import { startHttpApp, type HttpApp } from '../support/http-app.js';
import { overrideModules } from '../support/override-modules.js';
import { until } from '../support/until.js';

/** Dependencies whose answer the tests set. */
const world = {
  postgres: (): Promise<void> => Promise.resolve(),
  objectStore: (): Promise<void> => Promise.resolve(),
  pending: [] as string[],
  queries: 0,
  backlog: () =>
    Promise.resolve([{ pendingEvents: 3, pendingBytes: 10, oldestAgeMs: 1500 }]) as Promise<unknown[]>,
};
const NEVER = new Promise<void>(() => undefined);

const pool = {
  query: () => {
    world.queries += 1;
    return world.postgres().then(() => [{}]);
  },
};

@Global()
@Module({
  providers: [
    { provide: Transactions, useValue: { pooled: (work: (p: unknown) => unknown) => work(pool) } },
    { provide: Migrations, useValue: { pending: () => Promise.resolve(world.pending) } },
    { provide: OBJECT_STORE, useValue: { check: () => world.objectStore() } },
    { provide: INGEST_BUS, useValue: { backlog: () => world.backlog() } },
    { provide: CLOCK, useValue: systemClock },
  ],
  exports: [Transactions, Migrations, OBJECT_STORE, INGEST_BUS, CLOCK],
})
class WorldModule {}

let http: HttpApp;
beforeEach(async () => {
  Object.assign(world, {
    postgres: () => Promise.resolve(),
    objectStore: () => Promise.resolve(),
    pending: [],
    queries: 0,
  });
  http = await startHttpApp({
    imports: [WorldModule, overrideModules(OperationsHttpModule, [BusModule, StorageModule])],
  });
});
afterEach(() => http.app.close());

interface Answer {
  readonly status: number;
  readonly error_code?: string;
  readonly checks?: Record<string, { status: string; latency_ms: number; reason?: string }>;
}

async function probe(path: string): Promise<Answer> {
  const response = await fetch(http.url(path));
  const body = (await response.json()) as {
    error_code?: string;
    checks?: Answer['checks'];
    context?: Answer;
  };
  const checks = body.checks ?? body.context?.checks;
  return {
    status: response.status,
    ...(body.error_code && { error_code: body.error_code }),
    ...(checks && { checks }),
  };
}

describe('readiness', () => {
  it('is 200 with each dependency and its latency when all work', async () => {
    const { status, checks } = await probe('/v1/ready');
    expect(status).toBe(200);
    expect(Object.keys(checks ?? {})).toEqual(['postgres', 'migrations', 'object_store', 'draining']);
    for (const check of Object.values(checks ?? {}))
      expect(check).toEqual({ status: 'up', latency_ms: expect.any(Number) as number });
  });

  it('is 503 in bounded time when a dependency hangs, and asks it once at a time', async () => {
    world.postgres = () => NEVER;
    const answers = await Promise.all([
      probe('/v1/ready'),
      probe('/v1/ready?for=ingest'),
      probe('/v1/ready'),
    ]);
    for (const { status, error_code, checks } of answers) {
      expect([status, error_code, checks?.postgres?.status]).toEqual([503, 'DEPENDENCY_UNAVAILABLE', 'down']);
    }
    expect((await probe('/v1/health')).status).toBe(200);
    await probe('/v1/ready');
    expect(world.queries).toBe(1);
  });

  it('stays ready for ingest while the object store is away, and does not repeat what its driver said', async () => {
    world.objectStore = () => Promise.reject(new Error('connect ECONNREFUSED 10.1.2.3:9000'));
    const { status, checks } = await probe('/v1/ready');
    expect([status, checks?.object_store]).toEqual([
      503,
      { status: 'down', latency_ms: expect.any(Number) as number, reason: 'not reachable' },
    ]);
    expect((await probe('/v1/ready?for=ingest')).status).toBe(200);
  });

  it('is 503 while migrations are missing, while draining, and while a registered loop is stuck', async () => {
    world.pending = ['Next1'];
    expect((await probe('/v1/ready?for=ingest')).checks?.migrations).toMatchObject({
      status: 'down',
      reason: 'not applied: Next1',
    });
    await http.app.close();
    world.pending = [];
    http = await startHttpApp({
      imports: [WorldModule, overrideModules(OperationsHttpModule, [BusModule, StorageModule])],
    });
    http.app
      .get(ReadinessRegistry)
      .register('coordinator', { for: ['all'], check: () => Promise.reject(new Error('no turn yet')) });
    expect((await probe('/v1/ready')).checks?.coordinator).toMatchObject({
      status: 'down',
      reason: 'no turn yet',
    });
    expect((await probe('/v1/ready?for=ingest')).status).toBe(200);
    http.app.get(Draining).begin();
    const { app } = http;
    // The probe's short cache is all that is waited for.
    await until(
      'the probe to say so',
      30_000,
      async () => (await probe('/v1/ready?for=ingest')).error_code === 'SERVER_BUSY',
    );
    expect(app.get(Draining).active).toBe(true);
  });

  it('refuses a scope that it does not know', async () => {
    for (const query of ['for=query', 'for=', 'for=ingest&for=ingest', 'of=ingest']) {
      expect([query, await probe(`/v1/ready?${query}`)]).toEqual([
        query,
        { status: 400, error_code: 'REQUEST_INVALID' },
      ]);
    }
  });
});

describe('health', () => {
  it('is 200 whatever is down', async () => {
    world.postgres = () => NEVER;
    world.objectStore = () => Promise.reject(new Error('away'));
    expect((await probe('/v1/health')).status).toBe(200);
  });
});

describe('metrics', () => {
  it('are the process, its requests and the backlog over all tenants', async () => {
    await probe('/v1/health');
    const response = await fetch(http.url('/v1/metrics'));
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).toContain(
      'tidemark_http_request_duration_seconds_count{method="GET",route="/v1/health",status="200"} 1',
    );
    expect(text).toMatch(/^tidemark_backlog_events 3$/m);
    expect(text).toMatch(/^tidemark_backlog_oldest_seconds 1\.5$/m);
  });

  it('answer without the backlog while the bus is away', async () => {
    world.backlog = () => Promise.reject(new Error('away'));
    const text = await (await fetch(http.url('/v1/metrics'))).text();
    expect(text).not.toMatch(/^tidemark_backlog_events \d/m);
    expect(text).toContain('process_cpu_seconds_total');
  });
});
