import { gzipSync, zstdCompressSync } from 'node:zlib';
import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk, type Answer, type Problem } from '../support/service-client.js';
import { until } from '../support/until.js';

let service: TestService;
let tenant: TestTenant;
let token: number;

const MIB = 1024 * 1024;
const INGEST = '/v1/ingest/events';
const valid = (key: string) => ({ idempotency_key: key, payload: { id: 1, nested: { a: [1] } } });

beforeAll(async () => {
  service = await TestService.start();
  tenant = await service.createTenant();
  await createTable(tenant.tableAdmin, 'events', [
    { name: 'id', type: 'long', nullable: false },
    { name: 'amount', type: 'decimal(10,2)' },
    { name: 'at', type: 'timestamptz' },
    { name: 'nested', type: 'json' },
    { name: 'lines', type: 'list<struct<sku: string not null, at: time, raw: binary, n: list<long>>>' },
    { name: 'ratio', type: 'double' },
  ]);
  token = expectOk(await tenant.writer.ingest('events', { records: [valid('first')] })).max_visibility_token;
});

afterAll(() => service.dispose());

/** What a client is told, and the place of the fault. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  /** Of the first violation. */
  readonly place?: Record<string, unknown>;
  readonly context?: Record<string, unknown>;
}

interface Case extends Refusal {
  readonly name: string;
  readonly send: () => Promise<Answer<unknown>>;
}

const json = (text: string, headers: Record<string, string> = {}) =>
  tenant.writer.send('POST', INGEST, {
    bytes: text,
    headers: { 'Content-Type': 'application/json', ...headers },
  });

const lines = (text: string) =>
  tenant.writer.send('POST', INGEST, { bytes: text, headers: { 'Content-Type': 'application/x-ndjson' } });

const compressed = (bytes: Buffer, encoding: string) =>
  tenant.writer.send('POST', INGEST, {
    bytes: new Uint8Array(bytes),
    headers: { 'Content-Type': 'application/x-ndjson', 'Content-Encoding': encoding },
  });

const records = (count: number, at: number, wrong: unknown) => ({
  records: Array.from({ length: count }, (_, i) => (i === at ? wrong : valid(`many-${i}`))),
});

const sql = (text: string, more: Record<string, unknown> = {}) => tenant.reader.query(text, more);

const line = (text: string) =>
  json(`{"records": [{"idempotency_key": "k", "payload": {"id": 1, "lines": [${text}]}}]}`);

const NESTED: readonly [name: string, text: string, path: string, expected: string][] = [
  ['an integer beyond 64 bits in a list', '{"sku":"a","n":[1,9223372036854775808]}', '[0].n[1]', 'long'],
  ['a fraction in a list of integers', 'null,{"sku":"a","n":[1.5]}', '[1].n[0]', 'long'],
  ['a time finer than microseconds', '{"sku":"a","at":"12:00:00.1234567"}', '[0].at', 'time'],
  ['bytes that are not base64', '{"sku":"a","raw":"AB=="}', '[0].raw', 'binary'],
  ['a null inside of a struct that must be a value', '{"sku":null}', '[0].sku', 'string'],
  ['a field that a struct does not have', '{"sku":"a","SKU":"b"}', '[0].SKU', 'none'],
];

const INGEST_CASES: Case[] = [
  ...NESTED.map(([name, text, path, expected]) => ({
    name,
    send: () => line(text),
    status: 400,
    code: 'SCHEMA_VIOLATION',
    place: { record: 0, path: `$.records[0].payload.lines${path}`, expected },
  })),
  {
    name: 'half of a surrogate pair inside of a struct',
    send: () => line('{"sku":"\\ud800"}'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.records[0].payload.lines[0].sku' },
  },
  {
    name: 'a number beyond a double',
    send: () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1, "ratio": 1e400}}]}'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.records[0].payload.ratio' },
  },
  {
    name: 'an infinity in other words',
    send: () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1, "ratio": "inf"}}]}'),
    status: 400,
    code: 'SCHEMA_VIOLATION',
    place: { path: '$.records[0].payload.ratio', expected: 'double' },
  },
  {
    name: 'malformed JSON',
    send: () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1,}}]}'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.records[0].payload', position: 58 },
  },
  { name: 'no body', send: () => json(''), status: 400, code: 'REQUEST_INVALID', place: { path: '$' } },
  {
    name: 'no records',
    send: () => json('{"records": []}'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.records' },
  },
  {
    name: 'a broken line 17 of NDJSON',
    send: () =>
      lines(
        Array.from({ length: 30 }, (_, i) =>
          i === 16 ? '{"payload": {"id": tru}}' : JSON.stringify(valid(`line-${i}`)),
        ).join('\n'),
      ),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { line: 17, path: '$.payload.id', position: 19 },
  },
  {
    name: 'an unknown table',
    send: () => tenant.writer.ingest('nowhere', { records: [valid('k')] }),
    status: 404,
    code: 'TABLE_NOT_FOUND',
    context: { table: 'nowhere' },
  },
  {
    name: 'a wrong type deep in record 412',
    send: () =>
      tenant.writer.ingest(
        'events',
        records(500, 412, { idempotency_key: 'k', payload: { id: 1, amount: { not: 'a number' } } }),
      ),
    status: 400,
    code: 'SCHEMA_VIOLATION',
    place: {
      record: 412,
      path: '$.records[412].payload.amount',
      expected: 'decimal(10,2)',
      found: 'an object',
    },
  },
  {
    name: 'a wrong type in line 413 of NDJSON',
    send: () =>
      tenant.writer.ingestLines(
        'events',
        records(500, 412, { idempotency_key: 'k', payload: { id: 'one' } }).records,
      ),
    status: 400,
    code: 'SCHEMA_VIOLATION',
    place: { record: 412, line: 413, path: '$.payload.id', expected: 'long', found: '"one"' },
  },
  {
    name: 'a null where there must be a value',
    send: () =>
      tenant.writer.ingest('events', { records: [{ idempotency_key: 'k', payload: { id: null } }] }),
    status: 400,
    code: 'SCHEMA_VIOLATION',
    place: { record: 0, path: '$.records[0].payload.id', found: 'null' },
  },
  {
    name: 'a field without a column',
    send: () =>
      tenant.writer.ingest('events', {
        records: [{ idempotency_key: 'k', payload: { id: 1, color: 'red' } }],
      }),
    status: 400,
    code: 'SCHEMA_VIOLATION',
    place: { record: 0, path: '$.records[0].payload.color', expected: 'none' },
  },
  {
    name: 'an integer beyond 64 bits',
    send: () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 9223372036854775808}}]}'),
    status: 400,
    code: 'SCHEMA_VIOLATION',
    place: { record: 0, path: '$.records[0].payload.id', found: '9223372036854775808' },
  },
  {
    name: 'a key twice in one object',
    send: () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1, "id": 2}}]}'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.records[0].payload.id' },
  },
  {
    name: 'half of a surrogate pair',
    send: () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1, "nested": "\\ud800"}}]}'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.records[0].payload.nested' },
  },
  {
    name: 'a hundred levels',
    send: () =>
      json(
        `{"records": [{"idempotency_key": "k", "payload": {"id": 1, "nested": ${'['.repeat(100)}${']'.repeat(100)}}}]}`,
      ),
    status: 400,
    code: 'REQUEST_INVALID',
    place: {},
  },
  {
    name: 'bytes that are no UTF-8',
    send: () => compressed(gzipSync(Buffer.from([0x22, 0xff, 0x22])), 'gzip'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$' },
  },
  {
    name: 'a record without a key',
    send: () => tenant.writer.ingest('events', { records: [valid('k'), { payload: { id: 1 } }] }),
    status: 400,
    code: 'IDEMPOTENCY_KEY_REQUIRED',
    place: { record: 1, path: '$.records[1].idempotency_key' },
  },
  {
    name: 'a key that is no text',
    send: () => tenant.writer.ingest('events', { records: [{ ...valid(''), idempotency_key: 7 }] }),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { record: 0, path: '$.records[0].idempotency_key' },
  },
  {
    name: 'a key of the past with other content',
    send: () =>
      tenant.writer.ingest('events', { records: [valid('new'), { ...valid('first'), payload: { id: 2 } }] }),
    status: 409,
    code: 'IDEMPOTENCY_KEY_REUSED',
  },
  {
    name: 'an upsert',
    send: () => tenant.writer.ingest('events', { records: [{ ...valid('k'), op: 'upsert' }] }),
    status: 400,
    code: 'PRIMARY_KEY_REQUIRED',
    place: { record: 0, path: '$.records[0].op' },
  },
  {
    name: 'another on_invalid',
    send: () => tenant.writer.ingest('events', { records: [valid('k')], on_invalid: 'drop' }),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.on_invalid' },
  },
  {
    name: 'a wait of another type',
    send: () => tenant.writer.ingest('events', { records: [valid('k')], wait_for_visibility: 'yes' }),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.wait_for_visibility' },
  },
  {
    name: 'a body over the limit',
    send: () =>
      json(
        `{"records": [{"idempotency_key": "k", "payload": {"id": 1, "nested": "${'x'.repeat(10 * MIB)}"}}]}`,
      ),
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    context: { max_bytes: 10 * MIB },
  },
  {
    name: 'a gzip bomb',
    send: () => compressed(gzipSync(Buffer.alloc(65 * MIB, ' ')), 'gzip'),
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    context: { max_bytes: 64 * MIB },
  },
  {
    name: 'a zstd bomb',
    send: () => compressed(zstdCompressSync(Buffer.alloc(65 * MIB, ' ')), 'zstd'),
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    context: { max_bytes: 64 * MIB },
  },
  {
    name: 'gzip that is cut short',
    send: () => compressed(gzipSync(JSON.stringify(valid('k'))).subarray(0, -6), 'gzip'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$' },
  },
  {
    name: 'an unknown content type',
    send: () => json('a,b\n1,2\n', { 'Content-Type': 'text/csv' }),
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
    context: { supported: ['application/json', 'application/x-ndjson'] },
  },
  {
    name: 'an unknown encoding',
    send: () => json('{}', { 'Content-Encoding': 'br' }),
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
];

const createWrong = (type: string) =>
  tenant.tableAdmin.post('/v1/tables', { table_name: 'wrong', schema: { columns: [{ name: 'a', type }] } });

const OTHER_CASES: Case[] = [
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
  {
    name: 'a token that is no integer',
    send: () => sql('SELECT 1', { min_visibility_token: 1.5 }),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.min_visibility_token' },
  },
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
  {
    name: 'a column of no known type',
    send: () =>
      tenant.tableAdmin.post('/v1/tables', {
        table_name: 'wrong',
        schema: { columns: [{ name: 'id', type: 'money' }] },
      }),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.schema.columns[0].type' },
  },
  {
    name: '5,000 columns inside of a struct',
    send: () => createWrong(`struct<${Array.from({ length: 5000 }, (_, i) => `f${i}: int`).join(', ')}>`),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.schema.columns', message: expect.stringContaining('must have 1 to 500 columns') },
  },
  {
    name: 'fields of a struct that differ in case alone',
    send: () => createWrong('list<struct<id: int, ID: int>>'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.schema.columns[0].type', message: expect.stringContaining('element.ID') },
  },
  {
    name: 'a type that nests too deep',
    send: () => createWrong(`${'list<'.repeat(17)}int${'>'.repeat(17)}`),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.schema.columns[0].type', message: expect.stringContaining('16 lists and structs') },
  },
  ...['partition_spec', 'sort_order'].map((field) => ({
    name: `${field} of names alone`,
    send: () =>
      tenant.tableAdmin.post('/v1/tables', {
        table_name: 'wrong',
        schema: { columns: [{ name: 'id', type: 'long' }] },
        [field]: ['id'],
      }),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: `$.${field}[0]` },
  })),
  {
    name: 'a receipt of a key that is too long',
    send: () => tenant.writer.get(`${INGEST}/receipts?key=${'k'.repeat(600)}`),
    status: 400,
    code: 'REQUEST_INVALID',
    place: { path: '$.key' },
  },
  {
    name: 'a path that there is not',
    send: () => tenant.reader.get('/v1/nothing'),
    status: 404,
    code: 'NOT_FOUND',
  },
  {
    name: 'a cursor of one’s own',
    send: () => tenant.reader.get('/v1/snapshots?cursor=xyz'),
    status: 400,
    code: 'REQUEST_INVALID',
    place: {},
  },
];

function expectRefusal(answer: Answer<unknown>, { status, code, place, context }: Refusal): void {
  const problem = answer.body as Problem;
  expect({ status: answer.status, code: problem.error_code }).toEqual({ status, code });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(problem).toMatchObject({
    status,
    type: `/docs/errors#${code}`,
    title: expect.any(String) as string,
    detail: expect.stringMatching(/./) as string,
    retryable: false,
    trace_id: expect.stringMatching(/./) as string,
  });
  if (place !== undefined) expect(problem.context.violations?.[0]).toMatchObject(place);
  if (context !== undefined) expect(problem.context).toMatchObject(context);
}

describe('ingest', () => {
  it.each(INGEST_CASES.map((each) => [each.name, each] as const))('refuses %s', async (_, each) => {
    expectRefusal(await each.send(), each);
  });

  it('names the first hundred violations and counts the rest', async () => {
    const wrong = Array.from({ length: 250 }, (_, i) => ({ idempotency_key: `w${i}`, payload: { id: 'x' } }));
    const { body } = await tenant.writer.send<Problem>('POST', INGEST, { json: { records: wrong } });
    expect(body.context.violations).toHaveLength(100);
    expect(body.detail).toContain('249 more');
  });

  it('keeps nothing of what it refused', async () => {
    const next = expectOk(await tenant.writer.ingest('events', { records: [valid('last')] }));
    // Tokens of a tenant that is alone follow each other: no refused record took one.
    expect(next.max_visibility_token).toBe(token + 1);
    const more = { min_visibility_token: next.max_visibility_token };
    expect(await tenant.reader.rows('SELECT count(*) FROM events', more)).toEqual([[2]]);
    const keys = ['k', 'many-0', 'line-0', 'new'];
    const { body } = await tenant.writer.post<{ receipts: { state: string }[] }>(`${INGEST}/receipts`, {
      keys,
    });
    expect(body.receipts.map(({ state }) => state)).toEqual(keys.map(() => 'unknown'));
  });
});

describe('the other calls', () => {
  it.each(OTHER_CASES.map((each) => [each.name, each] as const))('refuse %s', async (_, each) => {
    expectRefusal(await each.send(), each);
  });
});

describe('a key', () => {
  const issue = async (more: Record<string, unknown> = {}) => {
    const body = { name: 'short', roles: ['ingest_writer'], ...more };
    return expectOk(
      await service.platform.post<{ key_id: string; key: string }>(`/v1/tenants/${tenant.id}/keys`, body),
    );
  };

  it('is refused when it has expired', async () => {
    const { key } = await issue({ expires_at: new Date(Date.now() + 2_000).toISOString() });
    const client = service.client(key);
    expect((await client.get('/v1/me')).status).toBe(200);
    await until('the key to expire', 10_000, async () => (await client.get('/v1/me')).status === 401);
    expectRefusal(await client.ingest('events', { records: [valid('k')] }), {
      status: 401,
      code: 'UNAUTHENTICATED',
    });
  });

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
