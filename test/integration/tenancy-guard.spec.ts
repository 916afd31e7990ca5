import { PLATFORM_KEY, startTenancyApp, type TenancyApp } from '../support/tenancy-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startDatabaseProxy } from '../support/database-proxy.js';

let database: TestDatabase;
let app: TenancyApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startTenancyApp(database.url);
  for (const tenant_id of ['acme', 'other']) await app.platform('POST', '/v1/tenants', { tenant_id });
});

afterAll(async () => {
  await app?.close();
  await database?.drop();
});

beforeEach(() => {
  app.aheadMs = 0;
});

/** Counts the queries that `work` makes. */
async function queriesOf(work: () => Promise<unknown>): Promise<number> {
  const manager = app.database.manager;
  const original = manager.query.bind(manager);
  let count = 0;
  manager.query = (async (...args: Parameters<typeof original>) => {
    count += 1;
    return original(...args);
  }) as typeof manager.query;
  try {
    await work();
  } finally {
    manager.query = original;
  }
  return count;
}

describe('the guard', () => {
  it('lets nobody into a handler that says nothing of access', async () => {
    const { key } = await app.issue('acme', {
      roles: ['ingest_writer', 'query_reader', 'table_admin', 'ops_admin'],
    });
    for (const options of [{}, { key }, { key: PLATFORM_KEY }]) {
      expect(await app.call('GET', '/v1/trial/bare', options)).toMatchObject({
        status: 403,
        body: { error_code: 'FORBIDDEN' },
      });
    }
  });

  it('lets anyone into a public one', async () => {
    expect(await app.call('GET', '/v1/trial/open')).toMatchObject({ status: 200, body: 'reached' });
    expect(await app.call('GET', '/v1/trial/open', { key: 'nonsense' })).toMatchObject({ status: 200 });
  });

  it('tells the handler who calls', async () => {
    const { key, key_id } = await app.issue('acme', { roles: ['query_reader', 'ingest_writer'] });
    expect(await app.write(key)).toMatchObject({
      status: 201,
      body: {
        body: { a: 1 },
        caller: { tenantId: 'acme', keyId: key_id, roles: ['ingest_writer', 'query_reader'] },
      },
    });
  });

  it('answers 401 without saying what is wrong with a key that it does not know', async () => {
    const { key } = await app.issue('acme');
    const answers = await Promise.all(
      [
        'nonsense',
        `tm_${'a'.repeat(12)}_${'b'.repeat(39)}`,
        `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`,
        'x'.repeat(5000),
      ].map((wrong) => app.write(wrong)),
    );
    for (const { status, body, headers } of answers) {
      expect({ status, detail: body.detail }).toEqual({ status: 401, detail: 'The API key is not valid.' });
      expect(body.error_code).toBe('UNAUTHENTICATED');
      expect(headers['www-authenticate']).toMatch(/^Bearer/);
    }
  });

  it.each([undefined, '', 'Bearer', 'Basic dTpw', 'Bearer a b'])(
    'answers 401 to the header %j',
    async (authorization) => {
      const options = authorization === undefined ? {} : { authorization };
      const answer = await app.call('POST', '/v1/trial/write', { ...options, body: {} });
      expect(answer).toMatchObject({ status: 401, body: { error_code: 'UNAUTHENTICATED' } });
    },
  );

  it('names the roles that a key lacks', async () => {
    const { key } = await app.issue('acme', { roles: ['query_reader'] });
    expect(await app.write(key)).toMatchObject({
      status: 403,
      body: { error_code: 'FORBIDDEN', context: { required_roles: ['ingest_writer'] } },
    });
  });

  it('keeps platform and tenant keys apart', async () => {
    const { key } = await app.issue('acme');
    expect(await app.write(PLATFORM_KEY)).toMatchObject({ status: 403, body: { error_code: 'FORBIDDEN' } });
    expect(await app.call('GET', '/v1/tenants', { key })).toMatchObject({
      status: 403,
      body: { error_code: 'FORBIDDEN' },
    });
    expect(await app.call('GET', '/v1/tenants')).toMatchObject({ status: 401 });
  });

  it('asks the database nothing for a cached or a made-up key', async () => {
    const { key } = await app.issue('acme');
    expect(await queriesOf(() => Promise.all(Array.from({ length: 10 }, () => app.write(key))))).toBe(1);
    expect(await queriesOf(() => app.write(key))).toBe(0);
    expect(await queriesOf(() => app.write(`tm_${'a'.repeat(12)}_${'c'.repeat(39)}`))).toBe(0);
  });

  it('refuses an expired key, cached or not', async () => {
    const { key } = await app.issue('acme', { expires_at: new Date(Date.now() + 60_000).toISOString() });
    expect(await app.write(key)).toMatchObject({ status: 201 });
    for (const ms of [60_001, 70_000]) {
      app.aheadMs = ms;
      expect(await app.write(key)).toMatchObject({
        status: 401,
        body: { detail: 'The API key has expired.' },
      });
    }
  });

  it('refuses a revoked key at once here, and within five seconds in another process', async () => {
    const elsewhere = await startTenancyApp(database.url);
    try {
      const { key, key_id } = await app.issue('acme');
      const successor = await app.issue('acme');
      for (const on of [app, elsewhere]) expect(await on.write(key)).toMatchObject({ status: 201 });
      expect(await app.platform('DELETE', `/v1/tenants/acme/keys/${key_id}`)).toMatchObject({
        status: 204,
        body: '',
      });
      expect(await app.write(key)).toMatchObject({
        status: 401,
        body: { detail: 'The API key was revoked.' },
      });
      expect(await app.write(successor.key)).toMatchObject({ status: 201 });
      elsewhere.aheadMs = 5_001;
      expect(await elsewhere.write(key)).toMatchObject({ status: 401 });
    } finally {
      await elsewhere.close();
    }
  });

  it('refuses the keys of a disabled tenant until it is let in again', async () => {
    await app.platform('POST', '/v1/tenants', { tenant_id: 'closing' });
    const { key } = await app.issue('closing');
    expect(await app.write(key)).toMatchObject({ status: 201 });
    expect(await app.platform('DELETE', '/v1/tenants/closing')).toMatchObject({
      status: 200,
      body: { status: 'disabled' },
    });
    expect(await app.write(key)).toMatchObject({ status: 403, body: { detail: 'The tenant is disabled.' } });
    expect(await app.platform('PATCH', '/v1/tenants/closing', { status: 'active' })).toMatchObject({
      status: 200,
    });
    expect(await app.write(key)).toMatchObject({ status: 201 });
  });

  it('answers 503 where the database is away, and still takes a cached key', async () => {
    const { proxy, url } = await startDatabaseProxy(database.url);
    const away = await startTenancyApp(url);
    try {
      const [cached, other] = [await app.issue('acme'), await app.issue('acme')];
      expect(await away.write(cached.key)).toMatchObject({ status: 201 });
      await proxy.cut();
      const answer = await away.write(other.key);
      expect(answer).toMatchObject({
        status: 503,
        body: { error_code: 'DEPENDENCY_UNAVAILABLE', retryable: true },
      });
      expect(answer.headers['retry-after']).toBe('1');
      expect(await away.write(cached.key)).toMatchObject({ status: 201 });
      await proxy.mend();
      expect(await away.write(other.key)).toMatchObject({ status: 201 });
    } finally {
      await away.close();
      await proxy.close();
    }
  });
});

describe('the last use of a key', () => {
  it('is written by the time that the process has stopped', async () => {
    const stopping = await startTenancyApp(database.url);
    const [used, unused] = [await app.issue('acme'), await app.issue('acme')];
    expect(await stopping.write(used.key)).toMatchObject({ status: 201 });
    await stopping.close();
    const rows = await app.database.query<{ key_id: string; fresh: boolean | null }[]>(
      `SELECT key_id, abs(extract(epoch FROM now() - last_used_at)) < 60 AS fresh FROM api_key WHERE key_id = ANY ($1)`,
      [[used.key_id, unused.key_id]],
    );
    expect(new Map(rows.map((row) => [row.key_id, row.fresh]))).toEqual(
      new Map([
        [used.key_id, true],
        [unused.key_id, null],
      ]),
    );
  });

  it('is written at most once a minute by all processes together', async () => {
    const { key, key_id } = await app.issue('acme');
    const useOnce = async () => {
      const instance = await startTenancyApp(database.url);
      await instance.write(key);
      await instance.close();
      const [row] = await app.database.query<{ at: Date }[]>(
        'SELECT last_used_at AS at FROM api_key WHERE key_id = $1',
        [key_id],
      );
      return row?.at;
    };
    const first = await useOnce();
    expect(first).toBeInstanceOf(Date);
    expect(await useOnce()).toEqual(first);
    await app.database.query(
      `UPDATE api_key SET last_used_at = now() - interval '61 seconds' WHERE key_id = $1`,
      [key_id],
    );
    expect((await useOnce())?.getTime()).toBeGreaterThanOrEqual(first?.getTime() ?? Infinity);
  });
});
