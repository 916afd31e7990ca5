import { PLATFORM_KEY, startTenancyApp, type TenancyApp } from '../support/tenancy-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

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

describe('/v1/tenants', () => {
  it('creates, shows, changes and lists', async () => {
    const made = await app.platform('POST', '/v1/tenants', { tenant_id: 'shown', name: 'Shown Ltd' });
    expect(made).toMatchObject({
      status: 201,
      body: {
        tenant_id: 'shown',
        name: 'Shown Ltd',
        status: 'active',
        created_at: expect.stringMatching(/Z$/) as string,
      },
    });
    expect(await app.platform('GET', '/v1/tenants/shown')).toMatchObject({
      status: 200,
      body: made.body,
    });
    expect((await app.platform('PATCH', '/v1/tenants/shown', { name: 'Seen Ltd' })).body).toEqual({
      ...(made.body as object),
      name: 'Seen Ltd',
    });
    expect(await app.platform('POST', '/v1/tenants', { tenant_id: 'shown' })).toMatchObject({
      status: 409,
      body: { error_code: 'TENANT_ALREADY_EXISTS', context: { tenant_id: 'shown' } },
    });
  });

  it('lists page by page and refuses a cursor of another list', async () => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const url: string = `/v1/tenants?limit=1${cursor === null ? '' : `&cursor=${cursor}`}`;
      const { status, body } = await app.platform('GET', url);
      expect(status).toBe(200);
      seen.push(...(body.tenants as { tenant_id: string }[]).map((tenant) => tenant.tenant_id));
      cursor = body.next_cursor as string | null;
    } while (cursor !== null);
    expect(seen).toEqual(expect.arrayContaining(['acme', 'other']));
    expect(new Set(seen).size).toBe(seen.length);
    const keys = await app
      .issue('acme')
      .then(() => app.issue('acme'))
      .then(() => app.platform('GET', '/v1/tenants/acme/keys?limit=1'));
    for (const wrong of [keys.body.next_cursor, 'nonsense', '%00']) {
      expect(await app.platform('GET', `/v1/tenants?cursor=${wrong}`)).toMatchObject({
        status: 400,
        body: { error_code: 'REQUEST_INVALID' },
      });
    }
  });

  it.each([
    [undefined, '$.tenant_id'],
    [{}, '$.tenant_id'],
    [{ tenant_id: 'A' }, '$.tenant_id'],
    [{ tenant_id: 7 }, '$.tenant_id'],
    [{ tenant_id: 'fine', name: '' }, '$.name'],
    [{ tenant_id: 'fine', name: 'a\0' }, '$.name'],
    [{ tenant_id: 'fine', name: ['a'] }, '$.name'],
    [{ tenant_id: 'fine', colour: 'red' }, '$.colour'],
  ])('refuses the body %j and names %s', async (body, path) => {
    expect(await app.platform('POST', '/v1/tenants', body)).toMatchObject({
      status: 400,
      body: { error_code: 'REQUEST_INVALID', context: { violations: [expect.objectContaining({ path })] } },
    });
  });

  it('takes null for what may be absent', async () => {
    expect(await app.platform('POST', '/v1/tenants', { tenant_id: 'nulls', name: null })).toMatchObject({
      status: 201,
      body: { name: 'nulls' },
    });
    expect(await app.platform('PATCH', '/v1/tenants/nulls', { name: null, status: null })).toMatchObject({
      status: 200,
    });
    await app.issue('nulls', { expires_at: null });
  });

  it.each(['/v1/tenants/nobody', '/v1/tenants/A', '/v1/tenants/%00'])('does not find %s', async (url) => {
    for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
      const answer = await app.platform(method, url, method === 'PATCH' ? { name: 'x' } : undefined);
      expect(answer).toMatchObject({ status: 404, body: { error_code: 'NOT_FOUND' } });
    }
    expect(await app.platform('GET', `${url}/keys`)).toMatchObject({ status: 404 });
    expect(await app.platform('DELETE', `${url}/keys/aaaaaaaaaaaa`)).toMatchObject({ status: 404 });
    const key = { name: 'x', roles: ['ops_admin'] };
    expect(await app.platform('POST', `${url}/keys`, key)).toMatchObject({ status: 404 });
  });
});

describe('/v1/tenants/{id}/keys', () => {
  it('shows the secret once', async () => {
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    const made = await app.platform('POST', '/v1/tenants/other/keys', {
      name: 'a',
      roles: ['table_admin'],
      expires_at,
    });
    expect(Object.keys(made.body as object)).toEqual([
      'key_id',
      'key',
      'name',
      'roles',
      'created_at',
      'expires_at',
    ]);
    expect(made).toMatchObject({ status: 201, body: { name: 'a', roles: ['table_admin'], expires_at } });
    const listed = await app.platform('GET', '/v1/tenants/other/keys');
    const { key, ...rest } = made.body as { key: string; [field: string]: unknown };
    expect(listed.body.keys).toContainEqual({ ...rest, revoked_at: null, last_used_at: null });
    expect(JSON.stringify(listed.body)).not.toContain(key);
  });

  it("does not revoke another tenant's key", async () => {
    const { key, key_id } = await app.issue('acme');
    expect(await app.platform('DELETE', `/v1/tenants/other/keys/${key_id}`)).toMatchObject({ status: 404 });
    expect(await app.write(key)).toMatchObject({ status: 201 });
    for (let i = 0; i < 2; i += 1) {
      expect(await app.platform('DELETE', `/v1/tenants/acme/keys/${key_id}`)).toMatchObject({ status: 204 });
    }
  });

  it.each([
    [{ roles: ['ops_admin'] }, '$.name'],
    [{ name: 'a' }, '$.roles'],
    [{ name: 'a', roles: [] }, '$.roles'],
    [{ name: 'a', roles: 'ops_admin' }, '$.roles'],
    [{ name: 'a', roles: ['root'] }, '$.roles'],
    [{ name: 'a', roles: ['ops_admin'], expires_at: 'tomorrow' }, '$.expires_at'],
    [{ name: 'a', roles: ['ops_admin'], expires_at: '2020-01-01T00:00:00Z' }, '$.expires_at'],
    [{ name: 'a', roles: ['ops_admin'], expires_at: 1 }, '$.expires_at'],
  ])('refuses %j and names %s', async (body, path) => {
    const answer = await app.platform('POST', '/v1/tenants/acme/keys', body);
    expect(answer).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    expect(answer.body.context?.violations?.map((violation) => violation.path)).toContain(path);
  });
});

describe('/v1/me', () => {
  it('tells a key what it is', async () => {
    const { key, key_id } = await app.issue('acme', { name: 'mine', roles: ['query_reader'] });
    expect(await app.call('GET', '/v1/me', { key })).toMatchObject({
      status: 200,
      body: {
        tenant: { tenant_id: 'acme', name: 'acme' },
        key: { key_id, name: 'mine', expires_at: null },
        roles: ['query_reader'],
        limits: { requests_per_second: null },
      },
    });
    expect(await app.call('GET', '/v1/me', { key: PLATFORM_KEY })).toMatchObject({ status: 403 });
  });
});
