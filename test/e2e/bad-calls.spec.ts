import { expectRefusal, invalid, type RefusalCase } from '../support/refusal.js';
import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk, type ServiceClient } from '../support/service-client.js';
import { until } from '../support/until.js';

let service: TestService;
let tenant: TestTenant;

const valid = (key: string) => ({ idempotency_key: key, payload: { id: 1 } });

beforeAll(async () => {
  service = await TestService.start();
  tenant = await service.createTenant();
  await createTable(tenant.tableAdmin, 'events', [{ name: 'id', type: 'long', nullable: false }]);
});

afterAll(() => service.dispose());

const sql = (text: string, more: Record<string, unknown> = {}) => tenant.reader.query(text, more);

const createWrong = (type: string, more: object = {}) =>
  tenant.tableAdmin.post('/v1/tables', {
    table_name: 'wrong',
    schema: { columns: [{ name: 'a', type }] },
    ...more,
  });

const CASES: RefusalCase[] = [
  {
    name: 'no key',
    send: () => service.client().ingest('events', { records: [] }),
    status: 401,
    code: 'UNAUTHENTICATED',
  },
  {
    name: 'a wrong key',
    send: () => service.client('tm_wrong').ingest('events', {}),
    status: 401,
    code: 'UNAUTHENTICATED',
  },
  {
    name: 'a missing role',
    send: () => tenant.reader.ingest('events', { records: [valid('k')] }),
    status: 403,
    code: 'FORBIDDEN',
    context: { required_roles: ['ingest_writer'] },
  },
  {
    name: 'a missing role for queries',
    send: () => tenant.writer.query('SELECT 1'),
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    name: 'a missing role for tables',
    send: () => tenant.writer.delete('/v1/tables/events'),
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    name: 'the platform key in place of one of a tenant',
    send: () => service.platform.query('SELECT 1'),
    status: 403,
    code: 'FORBIDDEN',
  },
  {
    name: 'a token that was never issued',
    send: () => sql('SELECT 1', { min_visibility_token: 1_000_000 }),
    status: 400,
    code: 'VISIBILITY_TOKEN_INVALID',
  },
  invalid('a token that is no integer', () => sql('SELECT 1', { min_visibility_token: 1.5 }), {
    path: '$.min_visibility_token',
  }),
  {
    name: 'a snapshot that there is not',
    send: () => sql('SELECT 1', { snapshot_id: 999_999 }),
    status: 404,
    code: 'SNAPSHOT_NOT_FOUND',
  },
  {
    name: 'a time before the first snapshot',
    send: () => sql('SELECT 1', { snapshot_time: '2001-01-01T00:00:00Z' }),
    status: 404,
    code: 'SNAPSHOT_NOT_FOUND',
  },
  { name: 'SQL that cannot be read', send: () => sql('SELEKT 1'), status: 400, code: 'SQL_INVALID' },
  {
    name: 'an unknown column',
    send: () => sql('SELECT color FROM events'),
    status: 400,
    code: 'SQL_INVALID',
  },
  {
    name: 'a conversion that fails',
    send: () => sql("SELECT CAST('x' AS INTEGER)"),
    status: 400,
    code: 'SQL_INVALID',
  },
  ...[
    'INSERT INTO events VALUES (1, 1, NULL, NULL)',
    'DROP TABLE events',
    "COPY events TO '/tmp/out.csv'",
    "ATTACH 'other.db'",
    'PRAGMA database_list',
    'SET threads = 1',
    'CREATE TABLE t (a INT)',
    'SELECT 1; SELECT 2',
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT getenv('HOME')",
    'SELECT * FROM other_tenant.events',
  ].map((text) => ({
    name: `SQL that is no SELECT of its own tables: ${text}`,
    send: () => sql(text),
    status: 400,
    code: 'SQL_NOT_ALLOWED',
  })),
  {
    name: 'a table that is there',
    send: () =>
      tenant.tableAdmin.post('/v1/tables', {
        table_name: 'events',
        schema: { columns: [{ name: 'id', type: 'long' }] },
      }),
    status: 409,
    code: 'TABLE_ALREADY_EXISTS',
  },
  invalid('a column of no known type', () => createWrong('money'), { path: '$.schema.columns[0].type' }),
  invalid(
    '5,000 columns inside of a struct',
    () => createWrong(`struct<${Array.from({ length: 5000 }, (_, i) => `f${i}: int`).join(', ')}>`),
    { path: '$.schema.columns', message: expect.stringContaining('must have 1 to 500 columns') },
  ),
  invalid(
    'fields of a struct that differ in case alone',
    () => createWrong('list<struct<id: int, ID: int>>'),
    { path: '$.schema.columns[0].type', message: expect.stringContaining('element.ID') },
  ),
  invalid('a type that nests too deep', () => createWrong(`${'list<'.repeat(17)}int${'>'.repeat(17)}`), {
    path: '$.schema.columns[0].type',
    message: expect.stringContaining('16 lists and structs'),
  }),
  ...['partition_spec', 'sort_order'].map((field) =>
    invalid(`${field} of names alone`, () => createWrong('long', { [field]: ['a'] }), {
      path: `$.${field}[0]`,
    }),
  ),
  invalid(
    'a receipt of a key that is too long',
    () => tenant.writer.get(`/v1/ingest/events/receipts?key=${'k'.repeat(600)}`),
    { path: '$.key' },
  ),
  {
    name: 'a path that there is not',
    send: () => tenant.reader.get('/v1/nothing'),
    status: 404,
    code: 'NOT_FOUND',
  },
  invalid('a cursor of one’s own', () => tenant.reader.get('/v1/snapshots?cursor=xyz'), {}),
];

describe('calls but those of ingest', () => {
  it.each(CASES.map((each) => [each.name, each] as const))('refuse %s', async (_, each) => {
    expectRefusal(await each.send(), each);
  });
});

describe('a key', () => {
  interface IssuedKey {
    readonly key_id: string;
    readonly key: string;
  }
  const askFor = (more: Record<string, unknown> = {}) =>
    service.platform.post<IssuedKey>(`/v1/tenants/${tenant.id}/keys`, {
      name: 'short',
      roles: ['ingest_writer'],
      ...more,
    });
  const issue = async () => expectOk(await askFor());
  const isGood = async (client: ServiceClient) => (await client.get('/v1/me')).status === 200;

  /** With a key that was good once. It lives about as long as that takes to be seen, however slow the machine is. */
  async function shortLivedClient(): Promise<ServiceClient> {
    for (let lifeMs = 1_000; lifeMs < 60_000; lifeMs *= 2) {
      const answer = await askFor({ expires_at: new Date(Date.now() + lifeMs).toISOString() });
      const client = service.client(answer.body.key);
      if (answer.status === 201 && (await isGood(client))) return client;
    }
    throw new Error('no key was good');
  }

  it('is refused when it has expired', async () => {
    const client = await shortLivedClient();
    await until('the key to expire', 60_000, async () => !(await isGood(client)));
    expectRefusal(await client.ingest('events', { records: [valid('k')] }), {
      status: 401,
      code: 'UNAUTHENTICATED',
    });
  }, 120_000);

  it('is refused when it was revoked, and the other key goes on', async () => {
    const [old, next] = [await issue(), await issue()];
    expect((await service.platform.delete(`/v1/tenants/${tenant.id}/keys/${old.key_id}`)).status).toBe(204);
    const refused = await service.client(old.key).ingest('events', { records: [valid('k')] });
    expectRefusal(refused, { status: 401, code: 'UNAUTHENTICATED' });
    expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect((await service.client(next.key).get('/v1/me')).status).toBe(200);
  });

  it('is refused when its tenant was disabled', async () => {
    const other = await service.createTenant();
    expectOk(await service.platform.delete(`/v1/tenants/${other.id}`));
    const { status } = await other.writer.ingest('events', { records: [valid('k')] });
    expect([401, 403]).toContain(status);
  });
});
