import { gzipSync, zstdCompressSync } from 'node:zlib';
import { TableRegistry } from '../../src/modules/tables/index.js';
import { startIngestApp, violationPaths, type IngestApp } from '../support/ingest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let app: IngestApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startIngestApp(database.url);
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

async function orders() {
  const { id, table_admin, ingest_writer: key } = await app.tenant('table_admin', 'ingest_writer');
  const columns = [
    { name: 'id', type: 'long', nullable: false },
    { name: 'amount', type: 'decimal(18,4)', default: '0' },
  ];
  await app.call('POST', '/v1/tables', {
    key: table_admin,
    body: { table_name: 'orders', schema: { columns } },
  });
  return { id, key, admin: table_admin };
}

const record = (key: string, id: number | string) => ({ idempotency_key: key, payload: { id } });
const ndjson = { 'content-type': 'application/x-ndjson' };
const URL = '/v1/ingest/orders';

describe('ingest', () => {
  it('keeps records and says which token shows them', async () => {
    const { key } = await orders();
    const body = { records: [record('a', 1), record('b', '9223372036854775807')] };
    expect(await app.call('POST', URL, { key, body })).toMatchObject({
      status: 202,
      body: { accepted_count: 2, duplicate_count: 0, max_visibility_token: 2, status: 'accepted' },
    });
  });

  it('takes NDJSON and compressed bodies', async () => {
    const { key } = await orders();
    const lines = `${JSON.stringify(record('a', 1))}\r\n\n${JSON.stringify(record('b', 2))}`;
    const json = JSON.stringify({ records: [record('c', 3)] });
    const sent: [string | Buffer, Record<string, string>][] = [
      [lines, ndjson],
      [gzipSync(lines), { ...ndjson, 'content-encoding': 'gzip' }],
      [zstdCompressSync(lines), { ...ndjson, 'content-encoding': 'zstd' }],
      [gzipSync(json), { 'content-encoding': 'gzip' }],
    ];
    const answers = [];
    for (const [body, headers] of sent)
      answers.push((await app.call('POST', URL, { key, body, headers })).body);
    expect(answers).toMatchObject([
      { accepted_count: 2, max_visibility_token: 2, status: 'accepted' },
      { accepted_count: 0, duplicate_count: 2, max_visibility_token: 2, status: 'partial_duplicate' },
      { accepted_count: 0, duplicate_count: 2, max_visibility_token: 2 },
      { accepted_count: 1, max_visibility_token: 3 },
    ]);
  });

  it('answers a repeat with the first token, however the JSON is written, and refuses other content', async () => {
    const { key } = await orders();
    await app.call('POST', URL, {
      key,
      body: '{"records":[{"idempotency_key":"a","payload":{"id":1,"amount":1.50}}]}',
    });
    const again = '{"records":[{"payload":{"amount":1.5,"id":1.0},"idempotency_key":"a"}]}';
    expect((await app.call('POST', URL, { key, body: again })).body).toMatchObject({
      accepted_count: 0,
      duplicate_count: 1,
      max_visibility_token: 1,
      status: 'partial_duplicate',
    });
    const other = { records: [record('b', 2), record('a', 2)] };
    expect(await app.call('POST', URL, { key, body: other })).toMatchObject({
      status: 409,
      body: { error_code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect((await app.call('GET', `${URL}/receipts?key=b`, { key })).body).toEqual({
      key: 'b',
      state: 'unknown',
    });
  });

  it('covers a request with one key', async () => {
    const { key } = await orders();
    const body = { records: [{ payload: { id: 1 } }, { payload: { id: 2 } }] };
    const headers = { 'idempotency-key': 'batch-1' };
    expect(await app.call('POST', URL, { key, body })).toMatchObject({
      status: 400,
      body: { error_code: 'IDEMPOTENCY_KEY_REQUIRED' },
    });
    for (const counts of [{ accepted_count: 2 }, { accepted_count: 0, duplicate_count: 2 }]) {
      expect((await app.call('POST', URL, { key, body, headers })).body).toMatchObject({
        ...counts,
        max_visibility_token: 2,
      });
    }
    expect((await app.call('GET', `${URL}/receipts?request_key=batch-1`, { key })).body).toEqual({
      request_key: 'batch-1',
      state: 'accepted',
      first_visibility_token: 1,
      last_visibility_token: 2,
      record_count: 2,
      dead_count: 0,
    });
    expect((await app.call('GET', `${URL}/receipts?request_key=batch-2`, { key })).body).toEqual({
      request_key: 'batch-2',
      state: 'unknown',
    });
    const empty = { 'idempotency-key': '' };
    expect(await app.call('POST', URL, { key, body, headers: empty })).toMatchObject({ status: 400 });
  });

  it('keeps nothing of a request with one record that does not fit', async () => {
    const { key } = await orders();
    const answer = await app.call('POST', URL, {
      key,
      body: { records: [record('a', 1), record('b', 'x')] },
    });
    expect(answer).toMatchObject({ status: 400, body: { error_code: 'SCHEMA_VIOLATION' } });
    expect(violationPaths(answer)).toEqual(['$.records[1].payload.id']);
    const { body } = await app.call('POST', `${URL}/receipts`, { key, body: { keys: ['a', 'b'] } });
    expect(body).toEqual({
      receipts: [
        { key: 'a', state: 'unknown' },
        { key: 'b', state: 'unknown' },
      ],
    });
  });

  it('gives up waiting when the time is over, and the write stands', async () => {
    const { key } = await orders();
    const body = { records: [record('a', 1)], wait_for_visibility: true, visibility_timeout_ms: 30 };
    expect(await app.call('POST', URL, { key, body })).toEqual({
      status: 202,
      headers: expect.anything() as unknown,
      body: {
        accepted_count: 1,
        duplicate_count: 0,
        max_visibility_token: 1,
        status: 'accepted',
        visibility_timeout_ms: 30,
      },
    });
    expect((await app.call('GET', `${URL}/receipts?key=a`, { key })).body).toEqual({
      key: 'a',
      state: 'accepted',
      visibility_token: 1,
    });
  });

  it('answers when the watermark passes', async () => {
    const { id, key } = await orders();
    await app.call('POST', URL, { key, body: { records: [record('a', 1)] } });
    // What a publication does to the head; there is no coordinator here.
    await app.database.query(`UPDATE tenant_head SET published_token = 1 WHERE tenant_id = $1`, [id]);
    const url = `${URL}?wait_for_visibility=true&visibility_timeout_ms=999999999`;
    const body = JSON.stringify(record('a', 1));
    expect(await app.call('POST', url, { key, body, headers: ndjson })).toMatchObject({
      status: 200,
      body: {
        status: 'visible',
        visible_snapshot_id: expect.any(Number) as number,
        visibility_timeout_ms: 60_000,
      },
    });
  });

  it.each<[string, string, unknown, Record<string, string>, number]>([
    ['an unknown query parameter', `${URL}?wait=1`, { records: [record('a', 1)] }, {}, 400],
    ['another on_invalid', `${URL}?on_invalid=drop`, { records: [record('a', 1)] }, {}, 400],
    ['malformed JSON', URL, '{"records":[', {}, 400],
    ['no body', URL, '', {}, 400],
    ['another content type', URL, 'a,b', { 'content-type': 'text/csv' }, 415],
    ['another encoding', URL, 'x', { 'content-encoding': 'br' }, 415],
    ['bytes that are not UTF-8', URL, Buffer.from([0x7b, 0xff, 0x7d]), {}, 400],
    ['a body over the limit', URL, `{"records":["${'x'.repeat(1024 * 1024)}"]}`, {}, 413],
  ])('refuses %s', async (_, url, body, headers, status) => {
    const { key } = await orders();
    expect(await app.call('POST', url, { key, body, headers })).toMatchObject({ status });
  });

  it('asks for the role', async () => {
    const { admin } = await orders();
    const body = { records: [record('a', 1)] };
    expect(await app.call('POST', URL, { key: admin, body })).toMatchObject({ status: 403 });
    expect(await app.call('GET', `${URL}/receipts?key=a`, { key: admin })).toMatchObject({ status: 403 });
  });

  it.each(['', '?key=', '?key=a&request_key=b', '?key=a&key=b', '?other=a', '?key=a%00'])(
    'refuses receipts%s',
    async (query) => {
      const { key } = await orders();
      expect(await app.call('GET', `${URL}/receipts${query}`, { key })).toMatchObject({ status: 400 });
    },
  );

  it.each<object>([
    {},
    { keys: [] },
    { keys: 'a' },
    { keys: [1] },
    { keys: Array.from({ length: 1001 }, String) },
  ])('refuses to look up %p', async (body) => {
    const { key } = await orders();
    expect(await app.call('POST', `${URL}/receipts`, { key, body })).toMatchObject({ status: 400 });
  });

  it('costs no look-up of the table once it is known', async () => {
    const { id, key } = await orders();
    await app.call('POST', URL, { key, body: { records: [record('a', 1)] } });
    const table = app.nest.get(TableRegistry, { strict: false }).cached(id, 'orders');
    await app.call('POST', URL, { key, body: { records: [record('b', 1)] } });
    expect(app.nest.get(TableRegistry, { strict: false }).cached(id, 'orders')).toBe(table);
  });
});

describe('a table that changes under its writers', () => {
  it('is checked again where the catalog moved on unheard', async () => {
    const { id, key, admin } = await orders();
    const registry = app.nest.get(TableRegistry, { strict: false });
    await app.call('POST', URL, { key, body: { records: [record('a', 1)] } });
    // The epoch moves and nobody says so.
    await app.database.query(
      `UPDATE tenant_clock SET catalog_epoch = catalog_epoch + 1 WHERE tenant_id = $1`,
      [id],
    );
    const stale = registry.cached(id, 'orders');
    const answer = await app.call('POST', URL, { key, body: { records: [record('b', 2)] } });
    expect(answer).toMatchObject({ status: 202, body: { accepted_count: 1 } });
    expect(registry.cached(id, 'orders')?.catalogEpoch).toBe((stale?.catalogEpoch ?? 0) + 1);
    expect(admin).toBeDefined();
  });

  it('takes nothing once it is dropped, also where that was not heard', async () => {
    const { id, key } = await orders();
    await app.call('POST', URL, { key, body: { records: [record('a', 1)] } });
    await app.database.query(
      `UPDATE tenant_clock SET catalog_epoch = catalog_epoch + 1 WHERE tenant_id = $1`,
      [id],
    );
    await app.database.query(
      `UPDATE table_def SET dropped_snapshot_id = created_snapshot_id WHERE tenant_id = $1`,
      [id],
    );
    expect(await app.call('POST', URL, { key, body: { records: [record('b', 2)] } })).toMatchObject({
      status: 404,
      body: { error_code: 'TABLE_NOT_FOUND' },
    });
  });

  it('keeps every acknowledged record of concurrent writers once', async () => {
    const { key, admin } = await orders();
    const writes = Array.from({ length: 40 }, (_, i) =>
      app.call('POST', URL, { key, body: { records: [record(`k${i % 20}`, i % 20), record(`own${i}`, i)] } }),
    );
    const other = { table_name: 'other', schema: { columns: [{ name: 'a', type: 'int' }] } };
    const [created, ...answers] = await Promise.all([
      app.call('POST', '/v1/tables', { key: admin, body: other }),
      ...writes,
    ]);
    expect(created.status).toBe(201);
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    const sum = (field: string) => answers.reduce((total, answer) => total + Number(answer.body[field]), 0);
    expect([sum('accepted_count'), sum('duplicate_count')]).toEqual([60, 20]);
  });
});
