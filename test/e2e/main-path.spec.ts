import { gzipSync, zstdCompressSync } from 'node:zlib';
import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

interface TableAnswer {
  readonly table_name: string;
  readonly schema_version: number;
  readonly schema: {
    readonly columns: readonly { readonly id: number; readonly name: string; readonly type: string }[];
  };
}

interface SnapshotAnswer {
  readonly snapshot_id: number;
  readonly parent_snapshot_id: number | null;
  readonly max_visibility_token: number;
  readonly created_at: string;
}

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await TestService.start();
  tenant = await service.createTenant('acme');
});

afterAll(() => service.dispose());

const COLUMNS = [
  { name: 'id', type: 'long', nullable: false },
  { name: 'name', type: 'string' },
  { name: 'amount', type: 'decimal(18,4)' },
  { name: 'paid_at', type: 'timestamptz' },
  { name: 'extra', type: 'json' },
];

const record = (id: number, more: Record<string, unknown> = {}) => ({
  idempotency_key: `record-${id}`,
  payload: { id, name: `name ${id}`, ...more },
});

/** The token of the newest write of the tenant, to read what was written. */
let newest = 0;

const rowsOf = (table: string, more: Record<string, unknown> = { min_visibility_token: newest }) =>
  tenant.reader.rows(`SELECT id, name FROM ${table} ORDER BY id`, more);

describe('tables', () => {
  it('are created with field ids and a version, listed, and got', async () => {
    const created = await tenant.tableAdmin.post<TableAnswer>('/v1/tables', {
      table_name: 'orders',
      schema: { columns: COLUMNS },
    });
    expect(created.status).toBe(201);
    expect(created.headers.get('etag')).toBe('"1"');
    expect(created.body.schema.columns.map(({ id, name }) => [id, name])).toEqual([
      [5, 'id'],
      [6, 'name'],
      [7, 'amount'],
      [8, 'paid_at'],
      [9, 'extra'],
    ]);
    const got = await tenant.reader.get<TableAnswer>('/v1/tables/orders');
    expect(got.body).toEqual(created.body);
    const listed = await tenant.reader.get<{ tables: TableAnswer[] }>('/v1/tables');
    expect(listed.body.tables.map(({ table_name }) => table_name)).toEqual(['orders']);
  });

  it('can be queried while they are empty', async () => {
    expect(await rowsOf('orders', {})).toEqual([]);
  });

  it('are gone when they are dropped, but not from the past', async () => {
    await createTable(tenant.tableAdmin, 'short_lived', COLUMNS);
    const written = await tenant.writer.ingest('short_lived', {
      records: [record(1)],
      wait_for_visibility: true,
    });
    expect(written.status).toBe(200);
    const before = written.body.visible_snapshot_id ?? 0;
    expect((await tenant.tableAdmin.delete('/v1/tables/short_lived')).status).toBe(200);
    expect(await tenant.reader.query('SELECT * FROM short_lived')).toMatchObject({ status: 400 });
    expect(await tenant.writer.ingest('short_lived', { records: [record(2)] })).toMatchObject({
      status: 404,
      body: { error_code: 'TABLE_NOT_FOUND' },
    });
    expect(await tenant.reader.rows('SELECT id FROM short_lived', { snapshot_id: before })).toEqual([[1]]);
  });
});

describe('ingest', () => {
  it('takes JSON and waits until it is visible', async () => {
    const answer = await tenant.writer.ingest('orders', {
      records: [
        record(1, { amount: '12.3400', paid_at: '2026-03-01T10:30:00+01:00', extra: { tags: ['a'] } }),
      ],
      wait_for_visibility: true,
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ accepted_count: 1, duplicate_count: 0, status: 'visible' });
    expect(await rowsOf('orders', { snapshot_id: answer.body.visible_snapshot_id })).toEqual([[1, 'name 1']]);
  });

  it('answers 202 and a token without a wait', async () => {
    const answer = await tenant.writer.ingest('orders', { records: [record(2)] });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({
      accepted_count: 1,
      duplicate_count: 0,
      max_visibility_token: expect.any(Number) as number,
      status: 'accepted',
    });
    newest = answer.body.max_visibility_token;
    expect(await rowsOf('orders')).toEqual([
      [1, 'name 1'],
      [2, 'name 2'],
    ]);
  });

  const ENCODINGS = { plain: undefined, gzip: gzipSync, zstd: zstdCompressSync } as const;
  it.each(Object.keys(ENCODINGS) as (keyof typeof ENCODINGS)[])('takes NDJSON, %s', async (encoding) => {
    const table = `lines_${encoding}`;
    await createTable(tenant.tableAdmin, table, COLUMNS);
    const encode = ENCODINGS[encoding];
    const answer = await tenant.writer.ingestLines(
      `${table}?wait_for_visibility=true&visibility_timeout_ms=20000`,
      Array.from({ length: 1_000 }, (_, i) => record(i)),
      encode === undefined ? {} : { 'Content-Encoding': encoding },
      encode,
    );
    expect(answer.body).toMatchObject({ accepted_count: 1_000, status: 'visible' });
    expect(await tenant.reader.rows(`SELECT count(*), sum(id) FROM ${table}`)).toEqual([
      [1_000, expect.anything()],
    ]);
  });

  it('takes gzip and zstd of JSON', async () => {
    for (const [encoding, encode] of [
      ['gzip', gzipSync],
      ['zstd', zstdCompressSync],
    ] as const) {
      const text = JSON.stringify({ records: [record(encoding === 'gzip' ? 3 : 4)] });
      const answer = await tenant.writer.send('POST', '/v1/ingest/orders', {
        bytes: new Uint8Array(encode(text)),
        headers: { 'Content-Type': 'application/json', 'Content-Encoding': encoding },
      });
      expect(answer).toMatchObject({ status: 202, body: { accepted_count: 1 } });
    }
  });

  it('counts a repeat as a duplicate with the first token, and keeps one', async () => {
    const first = await tenant.writer.ingest('orders', { records: [record(5), record(6)] });
    const again = await tenant.writer.ingest('orders', { records: [record(6), record(5)] });
    expect(again.body).toEqual({
      ...first.body,
      accepted_count: 0,
      duplicate_count: 2,
      status: 'partial_duplicate',
    });
    const partly = await tenant.writer.ingest('orders', { records: [record(6), record(7)] });
    expect(partly.body).toMatchObject({ accepted_count: 1, duplicate_count: 1, status: 'partial_duplicate' });
    newest = partly.body.max_visibility_token;
    expect((await rowsOf('orders')).map(([id]) => id)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('covers a request by one key', async () => {
    const records = [8, 9].map((id) => ({ payload: { id, name: `name ${id}` } }));
    const key = { 'Idempotency-Key': 'request-8' };
    const first = await tenant.writer.ingest('orders', { records }, key);
    expect(first.body).toMatchObject({ accepted_count: 2, status: 'accepted' });
    const again = await tenant.writer.ingest('orders', { records }, key);
    expect(again.body).toMatchObject({
      accepted_count: 0,
      duplicate_count: 2,
      max_visibility_token: first.body.max_visibility_token,
    });
    const other = await tenant.writer.ingest('orders', { records: records.slice(1) }, key);
    expect(other).toMatchObject({ status: 409, body: { error_code: 'IDEMPOTENCY_KEY_REUSED' } });
    newest = first.body.max_visibility_token;
  });

  it('answers 202 with the token when the wait runs out', async () => {
    const answer = await tenant.writer.ingest('orders', {
      records: [record(10)],
      wait_for_visibility: true,
      visibility_timeout_ms: 0,
    });
    expect([200, 202]).toContain(answer.status);
    expect(answer.body.accepted_count).toBe(1);
    newest = answer.body.max_visibility_token;
  });
});

describe('receipts', () => {
  it('tell where a record is', async () => {
    await rowsOf('orders');
    const { body } = await tenant.writer.get<Record<string, unknown>>(
      '/v1/ingest/orders/receipts?key=record-5',
    );
    expect(body).toEqual({
      key: 'record-5',
      state: 'visible',
      visibility_token: expect.any(Number) as number,
      snapshot_id: expect.any(Number) as number,
      file: expect.stringMatching(/\.parquet$/) as string,
    });
  });

  it('tell of a request, and of many records', async () => {
    expect(await tenant.writer.get('/v1/ingest/orders/receipts?request_key=request-8')).toMatchObject({
      status: 200,
      body: { request_key: 'request-8', state: 'visible', record_count: 2 },
    });
    const { body } = await tenant.writer.post<{ receipts: { key: string; state: string }[] }>(
      '/v1/ingest/orders/receipts',
      {
        keys: ['record-7', 'never-sent', 'record-1'],
      },
    );
    expect(body.receipts.map(({ key, state }) => [key, state])).toEqual([
      ['record-7', 'visible'],
      ['never-sent', 'unknown'],
      ['record-1', 'visible'],
    ]);
  });
});

describe('query', () => {
  it('names its columns, its snapshot and what it cost', async () => {
    const answer = expectOk(
      await tenant.reader.query('SELECT id, amount, paid_at, extra FROM orders WHERE id = 1'),
    );
    expect(answer.columns.map(({ name }) => name)).toEqual(['id', 'amount', 'paid_at', 'extra']);
    expect(answer.rows[0]?.slice(0, 2)).toEqual([1, '12.3400']);
    expect(new Date(answer.rows[0]?.[2] as string).toISOString()).toBe('2026-03-01T09:30:00.000Z');
    expect(answer).toMatchObject({
      row_count: 1,
      truncated: false,
      snapshot_id: expect.any(Number) as number,
    });
    expect(answer.stats).toMatchObject({ scanned_files: expect.any(Number) as number });
    expect(answer.max_visibility_token).toBeGreaterThanOrEqual(newest);
  });

  it('binds parameters by name and by position', async () => {
    expect(await tenant.reader.rows('SELECT id FROM orders WHERE id = $id', { params: { id: 2 } })).toEqual([
      [2],
    ]);
    expect(
      await tenant.reader.rows('SELECT id FROM orders WHERE id > ? ORDER BY id LIMIT 1', { params: [2] }),
    ).toEqual([[3]]);
  });

  it('cuts at the row limit and says so', async () => {
    const answer = expectOk(await tenant.reader.query('SELECT id FROM orders ORDER BY id', { row_limit: 3 }));
    expect(answer).toMatchObject({ rows: [[1], [2], [3]], row_count: 3, truncated: true });
  });

  it('reads one cut of all tables', async () => {
    await createTable(tenant.tableAdmin, 'customers', [
      { name: 'id', type: 'long' },
      { name: 'city', type: 'string' },
    ]);
    const { body } = await tenant.writer.ingest('customers', {
      records: [{ idempotency_key: 'c1', payload: { id: 1, city: 'Bern' } }],
    });
    const sql = 'SELECT city FROM orders JOIN customers USING (id)';
    expect(await tenant.reader.rows(sql, { min_visibility_token: body.max_visibility_token })).toEqual([
      ['Bern'],
    ]);
  });

  it('reads the past by snapshot id and by time', async () => {
    const first = await tenant.writer.ingest('orders', { records: [record(100)], wait_for_visibility: true });
    const { body: snapshot } = await tenant.reader.get<SnapshotAnswer>(
      `/v1/snapshots/${first.body.visible_snapshot_id}`,
    );
    const second = await tenant.writer.ingest('orders', {
      records: [record(101)],
      wait_for_visibility: true,
    });
    expect(second.status).toBe(200);
    const sql = 'SELECT count(*) FROM orders WHERE id >= 100';
    expect(await tenant.reader.rows(sql)).toEqual([[2]]);
    expect(await tenant.reader.rows(sql, { snapshot_id: snapshot.snapshot_id })).toEqual([[1]]);
    const past = expectOk(await tenant.reader.query(sql, { snapshot_time: snapshot.created_at }));
    expect(past.rows).toEqual([[1]]);
    expect(past.snapshot_id).toBe(snapshot.snapshot_id);
  });
});

describe('snapshots', () => {
  it('are listed page by page, each with its parent', async () => {
    const seen: SnapshotAnswer[] = [];
    let cursor: string | null = null;
    do {
      const path: string = `/v1/snapshots?limit=4${cursor === null ? '' : `&cursor=${cursor}`}`;
      const page = expectOk(
        await tenant.reader.get<{ snapshots: SnapshotAnswer[]; next_cursor: string | null }>(path),
      );
      seen.push(...page.snapshots);
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen.length).toBeGreaterThan(5);
    for (const [i, snapshot] of seen.entries()) {
      expect(snapshot.parent_snapshot_id).toBe(seen[i + 1]?.snapshot_id ?? null);
      const older = seen[i + 1]?.max_visibility_token ?? 0;
      expect(snapshot.max_visibility_token).toBeGreaterThanOrEqual(older);
    }
    expect(seen.at(-1)).toMatchObject({ max_visibility_token: 0 });
  });
});

describe('the service', () => {
  it('tells a key what it is', async () => {
    expect(await tenant.writer.get('/v1/me')).toMatchObject({
      status: 200,
      body: { tenant: { tenant_id: 'acme' }, roles: ['ingest_writer'] },
    });
  });

  it('answers health and readiness with the state of each dependency', async () => {
    const anyone = service.client();
    expect(await anyone.get('/v1/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
    const ready = await anyone.get<{ checks: Record<string, { status: string; latency_ms: number }> }>(
      '/v1/ready',
    );
    expect(ready.status).toBe(200);
    expect(Object.keys(ready.body.checks)).toEqual(
      expect.arrayContaining(['postgres', 'migrations', 'object_store', 'draining']),
    );
    for (const check of Object.values(ready.body.checks)) {
      expect(check).toEqual({ status: 'up', latency_ms: expect.any(Number) as number });
    }
    const forIngest = await anyone.get<{ checks: object }>('/v1/ready?for=ingest');
    expect(Object.keys(forIngest.body.checks).sort()).toEqual(['draining', 'migrations', 'postgres']);
  });

  it('has metrics in the text format of Prometheus', async () => {
    const metrics = await service.client().get<string>('/v1/metrics');
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const line of metrics.body.split('\n').filter((each) => each !== '')) {
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{.*\})? \S+)$/);
    }
    expect(metrics.body).toMatch(/^tidemark_\w+/m);
  });

  it('serves its API document and a page that needs no other host', async () => {
    const anyone = service.client();
    const { body } = await anyone.get<{ openapi: string; paths: Record<string, unknown> }>(
      '/v1/openapi.json',
    );
    expect(body.openapi).toMatch(/^3\./);
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/v1/ingest/{table}', '/v1/query', '/v1/tables', '/v1/snapshots', '/v1/ready']),
    );
    const page = await anyone.get<string>('/docs');
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page.body).not.toMatch(/(?:src|href|action)="(?:https?:)?\/\//);
    expect(page.body).not.toMatch(/@import|url\(/);
  });

  it('gives every answer a request id', async () => {
    const answer = await service.client().get('/v1/health');
    expect(answer.headers.get('request-id')).toBeTruthy();
    const refused = await service.client().get<{ trace_id: string }>('/v1/me');
    expect(refused.headers.get('request-id')).toBe(refused.body.trace_id);
  });
});
