import { TableCatalog, TableRegistry } from '../../src/modules/tables/index.js';
import { startIngestApp, violationPaths, type IngestApp } from '../support/ingest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { until } from '../support/until.js';

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

const COLUMNS = [
  { name: 'id', type: 'long', nullable: false },
  { name: 'amount', type: 'decimal(18,4)', default: '0', doc: 'gross' },
];
const definition = (table_name: string, columns: object[] = COLUMNS) => ({ table_name, schema: { columns } });

describe('tables', () => {
  it('creates, shows, lists and drops a table', async () => {
    const { table_admin: key } = await app.tenant('table_admin');
    const created = await app.call('POST', '/v1/tables', { key, body: definition('orders') });
    expect(created).toMatchObject({
      status: 201,
      headers: { etag: '"1"' },
      body: {
        table_name: 'orders',
        schema_version: 1,
        schema: {
          columns: [
            { id: 5, name: 'id', type: 'long', nullable: false },
            { id: 6, name: 'amount', type: 'decimal(18,4)', nullable: true, default: '0', doc: 'gross' },
          ],
        },
        evolution_mode: 'strict',
        compatibility_mode: 'none',
        idempotency_window: '24h',
      },
    });
    const shown = await app.call('GET', '/v1/tables/orders', { key });
    expect(shown).toMatchObject({ status: 200, headers: { etag: '"1"' }, body: created.body });
    const listed = await app.call('GET', '/v1/tables', { key });
    expect(listed.body).toEqual({ tables: [created.body], next_cursor: null });

    const dropped = await app.call('DELETE', '/v1/tables/orders', { key });
    expect(dropped).toMatchObject({ status: 200, body: { table_name: 'orders' } });
    expect(dropped.body.dropped_snapshot_id).toBeGreaterThan(Number(created.body.created_snapshot_id));
    expect(await app.call('GET', '/v1/tables/orders', { key })).toMatchObject({
      status: 404,
      body: { error_code: 'TABLE_NOT_FOUND' },
    });
    expect(await app.call('DELETE', '/v1/tables/orders', { key })).toMatchObject({ status: 404 });
    expect((await app.call('GET', '/v1/tables', { key })).body).toEqual({ tables: [], next_cursor: null });
    expect(await app.call('POST', '/v1/tables', { key, body: definition('orders') })).toMatchObject({
      status: 201,
    });
  });

  it('pages through the list', async () => {
    const { table_admin: key } = await app.tenant('table_admin');
    for (const name of ['c', 'a', 'b']) await app.call('POST', '/v1/tables', { key, body: definition(name) });
    const names: unknown[] = [];
    let url = '/v1/tables?limit=2';
    for (let pages = 0; pages < 3 && url !== ''; pages++) {
      const { body } = await app.call('GET', url, { key });
      names.push(...(body.tables as { table_name: string }[]).map((table) => table.table_name));
      url = typeof body.next_cursor === 'string' ? `/v1/tables?limit=2&cursor=${body.next_cursor}` : '';
    }
    expect(names).toEqual(['a', 'b', 'c']);
  });

  it('gives a name to one of many who ask for it at once', async () => {
    const { table_admin: key } = await app.tenant('table_admin');
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => app.call('POST', '/v1/tables', { key, body: definition('wanted') })),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    expect(answers.find((answer) => answer.status === 409)?.body.error_code).toBe('TABLE_ALREADY_EXISTS');
  });

  it("does not show, or tell apart from missing, another tenant's tables", async () => {
    const one = await app.tenant('table_admin');
    const other = await app.tenant('table_admin', 'ingest_writer');
    await app.call('POST', '/v1/tables', { key: one.table_admin, body: definition('secret') });
    const { table_admin: key } = other;
    const theirs = await app.call('GET', '/v1/tables/secret', { key });
    const missing = await app.call('GET', '/v1/tables/nothing', { key });
    const shape = ({ status, body: { error_code, title, type } }: typeof theirs) => ({
      status,
      error_code,
      title,
      type,
    });
    expect(shape(theirs)).toEqual(shape(missing));
    expect(await app.call('DELETE', '/v1/tables/secret', { key })).toMatchObject({ status: 404 });
    const body = { records: [{ idempotency_key: 'a', payload: { id: 1 } }] };
    const written = await app.call('POST', '/v1/ingest/secret', { key: other.ingest_writer, body });
    expect(written).toMatchObject({ status: 404, body: { error_code: 'TABLE_NOT_FOUND' } });
    expect(await app.call('POST', '/v1/tables', { key, body: definition('secret') })).toMatchObject({
      status: 201,
    });
  });

  it('asks for the roles', async () => {
    const { ingest_writer, query_reader, ops_admin } = await app.tenant(
      'ingest_writer',
      'query_reader',
      'ops_admin',
    );
    for (const key of [ingest_writer, query_reader, ops_admin]) {
      expect(await app.call('POST', '/v1/tables', { key, body: definition('a') })).toMatchObject({
        status: 403,
      });
      expect(await app.call('DELETE', '/v1/tables/a', { key })).toMatchObject({ status: 403 });
    }
    expect(await app.call('GET', '/v1/tables', { key: query_reader })).toMatchObject({ status: 200 });
    expect(await app.call('GET', '/v1/tables', { key: ingest_writer })).toMatchObject({ status: 403 });
  });

  it.each<[string, object, string]>([
    ['no name', { schema: { columns: COLUMNS } }, '$.table_name'],
    ['a list for a schema', { table_name: 'a', schema: [] }, '$.schema'],
    ['no columns', { table_name: 'a', schema: {} }, '$.schema.columns'],
    ['a list for a column', definition('a', [[]]), '$.schema.columns[0]'],
    ['null for a column', { table_name: 'a', schema: { columns: [null] } }, '$.schema.columns[0]'],
    ['an unknown type', definition('a', [{ name: 'x', type: 'text' }]), '$.schema.columns[0].type'],
    ['an unknown field', { ...definition('a'), color: 'red' }, '$.color'],
    [
      'an unknown field of a column',
      definition('a', [{ ...COLUMNS[0], key: true }]),
      '$.schema.columns[0].key',
    ],
    ['a key of no column', { ...definition('a'), primary_key_cols: ['no'] }, '$.primary_key_cols[0]'],
    ['partitions by names alone', { ...definition('a'), partition_spec: ['id'] }, '$.partition_spec[0]'],
    ['a sort order of names alone', { ...definition('a'), sort_order: ['id'] }, '$.sort_order[0]'],
    ['retention without an age', { ...definition('a'), retention: {} }, '$.retention.max_age_ms'],
    ['retention in words', { ...definition('a'), retention: '30d' }, '$.retention'],
    ['retention in a list', { ...definition('a'), retention: [{ max_age_ms: 1e9 }] }, '$.retention'],
    ...[0, -1, 3_599_999, 3_600_000.5, 3_153_600_000_001, '3600000', null, {}].map(
      (max_age_ms): [string, object, string] => [
        `retention of ${JSON.stringify(max_age_ms)}`,
        { ...definition('a'), retention: { max_age_ms } },
        '$.retention.max_age_ms',
      ],
    ),
    [
      'another kind of retention',
      { ...definition('a'), retention: { max_age_ms: 1e9, days: 3 } },
      '$.retention.days',
    ],
    ['an evolution mode', { ...definition('a'), evolution_mode: 'any' }, '$.evolution_mode'],
    ['a compatibility mode', { ...definition('a'), compatibility_mode: 'any' }, '$.compatibility_mode'],
    ['another window', { ...definition('a'), idempotency_window: '2h' }, '$.idempotency_window'],
    ['a NUL in a doc', definition('a', [{ ...COLUMNS[0], doc: 'a\u0000' }]), '$.schema.columns[0].doc'],
  ])('refuses %s', async (_, body, path) => {
    const { table_admin: key } = await app.tenant('table_admin');
    const answer = await app.call('POST', '/v1/tables', { key, body });
    expect(answer).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    expect(violationPaths(answer).some((named) => named.startsWith(path))).toBe(true);
  });

  it.each(['%00', 'A', 'a%27', '..%2f', 'x'.repeat(200)])('finds no table %s', async (name) => {
    const { table_admin, ingest_writer } = await app.tenant('table_admin', 'ingest_writer');
    for (const method of ['GET', 'DELETE'] as const) {
      expect(await app.call(method, `/v1/tables/${name}`, { key: table_admin })).toMatchObject({
        status: 404,
      });
    }
    expect(await app.call('POST', `/v1/ingest/${name}`, { key: ingest_writer, body: '{}' })).toMatchObject({
      status: 404,
    });
  });

  it('takes as many columns as it says', async () => {
    const { table_admin: key } = await app.tenant('table_admin');
    const columns = Array.from({ length: 500 }, (_, i) => ({ name: `column ${i}`, type: 'int' }));
    expect(await app.call('POST', '/v1/tables', { key, body: definition('wide', columns) })).toMatchObject({
      status: 201,
    });
  });
});

describe('the catalog of a snapshot', () => {
  it('has the tables of its time', async () => {
    const { id, table_admin: key } = await app.tenant('table_admin');
    const catalog = app.nest.get(TableCatalog, { strict: false });
    const snapshotOf = async (body: Promise<{ body: Readonly<Record<string, unknown>> }>, field: string) =>
      Number((await body).body[field]);
    const first = await snapshotOf(
      app.call('POST', '/v1/tables', { key, body: definition('b') }),
      'created_snapshot_id',
    );
    const second = await snapshotOf(
      app.call('POST', '/v1/tables', { key, body: definition('a') }),
      'created_snapshot_id',
    );
    const third = await snapshotOf(app.call('DELETE', '/v1/tables/b', { key }), 'dropped_snapshot_id');
    const fourth = await snapshotOf(
      app.call('POST', '/v1/tables', { key, body: definition('b') }),
      'created_snapshot_id',
    );
    const names = async (snapshot: number) =>
      (await catalog.tablesAt(id, snapshot)).map((table) => table.tableName);
    expect(await names(first - 1)).toEqual([]);
    expect(await names(first)).toEqual(['b']);
    expect(await names(second)).toEqual(['a', 'b']);
    expect(await names(third)).toEqual(['a']);
    expect(await names(fourth)).toEqual(['a', 'b']);
    const [, oldB] = await catalog.tablesAt(id, second);
    const [, newB] = await catalog.tablesAt(id, fourth);
    expect(newB?.tableId).not.toBe(oldB?.tableId);
    expect(oldB).toMatchObject({
      schemaVersion: 1,
      columns: [
        { id: 5, name: 'id' },
        { id: 6, name: 'amount' },
      ],
    });
    expect(await catalog.tablesAt('no-such-tenant', fourth)).toEqual([]);
  });
});

describe('the registry of tables', () => {
  it('keeps a table until its tenant is announced at another epoch', async () => {
    const { id, table_admin: key } = await app.tenant('table_admin');
    const registry = app.nest.get(TableRegistry, { strict: false });
    await app.call('POST', '/v1/tables', { key, body: definition('a') });
    const table = await registry.forIngest(id, 'a');
    expect(table).toMatchObject({ windowClass: '24h', schemaVersion: 1, catalogEpoch: 1 });
    expect(await registry.forIngest(id, 'a')).toBe(table);
    await app.call('POST', '/v1/tables', { key, body: definition('b') });
    expect((await registry.forIngest(id, 'a')).catalogEpoch).toBe(2);
  });

  it('hears of changes that another process made', async () => {
    const other = await startIngestApp(database.url);
    try {
      const { id, table_admin: key } = await app.tenant('table_admin');
      await app.call('POST', '/v1/tables', { key, body: definition('a') });
      const registry = app.nest.get(TableRegistry, { strict: false });
      await registry.forIngest(id, 'a');
      expect(registry.cached(id, 'a')).toBeDefined();
      await other.call('DELETE', '/v1/tables/a', { key });
      await until('the table to be forgotten', 10_000, () => registry.cached(id, 'a') === undefined);
      await expect(registry.forIngest(id, 'a')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    } finally {
      await other.close();
    }
  });

  it('refuses a disabled tenant', async () => {
    const { id, table_admin: key } = await app.tenant('table_admin');
    await app.call('POST', '/v1/tables', { key, body: definition('a') });
    await app.database.query(`UPDATE tenant SET status = 'disabled' WHERE tenant_id = $1`, [id]);
    const registry = app.nest.get(TableRegistry, { strict: false });
    await expect(registry.refresh(id, 'a')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
