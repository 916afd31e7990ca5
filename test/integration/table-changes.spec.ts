import { violationPaths } from '../support/ingest-app.js';
import { columnsOf, namesOf, problem, startOrdersApp, type OrdersCalls } from '../support/orders-app.js';

let orders: Awaited<ReturnType<typeof startOrdersApp>>;
let calls: OrdersCalls;

beforeAll(async () => {
  orders = await startOrdersApp();
});

afterAll(() => orders.close());

beforeEach(async () => {
  calls = await orders.newTenant();
});

describe('PATCH of a table', () => {
  it('answers the new version with its ETag, and keeps the old ones for ever', async () => {
    const altered = await calls.change(
      { op: 'add_column', column: { name: 'note', type: 'string', doc: 'free text' } },
      { op: 'rename_column', from: 'count', to: 'pieces' },
      { op: 'move_column', name: 'note', after: 'id' },
      { op: 'change_type', name: 'pieces', type: 'long' },
    );
    expect(altered).toMatchObject({
      status: 200,
      headers: { etag: '"2"' },
      body: { table_name: 'orders', schema_version: 2, compatibility_mode: 'none' },
    });
    expect(columnsOf(altered).map(({ id, name, type }) => [id, name, type])).toEqual([
      [5, 'id', 'long'],
      [8, 'note', 'string'],
      [6, 'amount', 'decimal(10,2)'],
      [7, 'pieces', 'long'],
    ]);
    expect(await calls.get('/v1/tables/orders')).toMatchObject({
      headers: { etag: '"2"' },
      body: altered.body,
    });
    await calls.change({ op: 'drop_column', name: 'note' });

    const { body } = await calls.get('/v1/tables/orders/schemas');
    const schemas = body.schemas as (Record<string, unknown> & { created_snapshot_id: number })[];
    expect(schemas.map(({ schema_version }) => schema_version)).toEqual([1, 2, 3]);
    expect(schemas[1]).toMatchObject({
      schema: altered.body.schema,
      compatibility_mode: 'none',
      created_at: expect.any(String) as string,
      created_by: expect.any(String) as string,
    });
    const snapshots = schemas.map(({ created_snapshot_id }) => created_snapshot_id);
    expect(snapshots.toSorted((a, b) => a - b)).toEqual(snapshots);
    expect(new Set(snapshots).size).toBe(3);
    expect((await calls.get('/v1/tables/orders/schemas/2')).body).toEqual(schemas[1]);
  });

  it('pages through the versions', async () => {
    for (const doc of ['a', 'b', 'c']) await calls.change({ op: 'set_doc', name: 'id', doc });
    const first = await calls.get('/v1/tables/orders/schemas?limit=3');
    const second = await calls.get(
      `/v1/tables/orders/schemas?limit=3&cursor=${encodeURIComponent(String(first.body.next_cursor))}`,
    );
    const versions = [first, second].map(({ body }) =>
      (body.schemas as { schema_version: number }[]).map(({ schema_version }) => schema_version),
    );
    expect(versions).toEqual([[1, 2, 3], [4]]);
    expect(second.body.next_cursor).toBeNull();
    expect(await calls.get('/v1/tables/orders/schemas?limit=51')).toMatchObject({ status: 400 });
    const cursor = Buffer.from('["tables","a"]').toString('base64url');
    expect(await calls.get(`/v1/tables/orders/schemas?cursor=${cursor}`)).toMatchObject({ status: 400 });
  });

  it('knows no version that never was', async () => {
    expect(await calls.get('/v1/tables/orders/schemas/2')).toMatchObject(
      problem(404, 'NOT_FOUND', { schema_version: 2, latest_schema_version: 1 }),
    );
    for (const version of ['0', '-1', '1.5', 'latest', '99999999999999999999', '%00']) {
      expect(await calls.get(`/v1/tables/orders/schemas/${version}`)).toMatchObject({ status: 404 });
    }
    expect(await calls.get('/v1/tables/nothing/schemas/1')).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
    expect(await calls.get('/v1/tables/nothing/schemas')).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
  });

  it('makes all of the changes or none', async () => {
    const answer = await calls.change(
      { op: 'drop_column', name: 'count' },
      { op: 'rename_table', to: 'sales' },
      { op: 'change_type', name: 'amount', type: 'decimal(9,2)' },
    );
    expect(answer).toMatchObject(
      problem(409, 'SCHEMA_INCOMPATIBLE', {
        table: 'orders',
        violations: [
          {
            path: '$.changes[2].type',
            column: 'amount',
            rule: 'type_not_wider',
            message:
              'decimal(10,2) cannot become decimal(9,2); it may become decimal(p,2) with 11 <= p <= 38',
            allowed: ['decimal(p,2) with 11 <= p <= 38'],
          },
        ],
      }),
    );
    expect(await calls.get('/v1/tables/orders')).toMatchObject({ body: { schema_version: 1 } });
    expect(namesOf(await calls.get('/v1/tables/orders'))).toEqual(['id', 'amount', 'count']);
  });

  it('makes no version of what changes nothing', async () => {
    const head = async () =>
      calls.app.database.query<unknown[]>(`SELECT snapshot_id FROM tenant_head WHERE tenant_id = $1`, [
        calls.tenantId,
      ]);
    const before = await head();
    for (const body of [
      { changes: [] },
      { changes: [{ op: 'set_doc', name: 'amount', doc: 'gross' }], compatibility_mode: 'none' },
      { changes: [{ op: 'rename_table', to: 'orders' }], idempotency_window: '24h' },
      {
        changes: [
          { op: 'rename_column', from: 'id', to: 'x' },
          { op: 'rename_column', from: 'x', to: 'id' },
        ],
      },
    ]) {
      expect(await calls.alter('orders', body)).toMatchObject({ status: 200, headers: { etag: '"1"' } });
    }
    expect(await head()).toEqual(before);
  });

  it('asks for table_admin, and for a table of the tenant', async () => {
    const other = await calls.app.tenant('query_reader', 'ingest_writer', 'table_admin');
    const body = { changes: [{ op: 'rename_table', to: 'mine' }] };
    for (const reader of [other.query_reader, other.ingest_writer]) {
      expect(await calls.app.call('PATCH', '/v1/tables/orders', { key: reader, body })).toMatchObject({
        status: 403,
      });
      expect(await calls.app.call('POST', '/v1/tables/orders/undrop', { key: reader })).toMatchObject({
        status: 403,
      });
    }
    const theirs = await calls.app.call('PATCH', '/v1/tables/orders', { key: other.table_admin, body });
    expect(theirs).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
    for (const name of ['nothing', 'A', '%00']) {
      expect(await calls.alter(name, body)).toMatchObject({ status: 404 });
    }
    expect(
      await calls.app.call('GET', '/v1/tables/orders/schemas', { key: other.ingest_writer }),
    ).toMatchObject({
      status: 403,
    });
  });

  it.each<[string, unknown, string]>([
    ['nothing', {}, '$.changes'],
    ['null', { changes: null }, '$.changes'],
    ['an object for the list', { changes: { op: 'drop_column', name: 'id' } }, '$.changes'],
    ['text for a change', { changes: ['drop'] }, '$.changes[0]'],
    ['an unknown field', { changes: [{ op: 'drop_column', name: 'id', force: true }] }, '$.changes[0].force'],
    ['a number for a name', { changes: [{ op: 'drop_column', name: 5 }] }, '$.changes[0].name'],
    ['an unknown setting', { owner: 'me' }, '$.owner'],
    ['retention by days', { retention: { max_age_ms: 3_600_000, days: 3 } }, '$.retention.days'],
    ['too short a retention', { retention: { max_age_ms: 3_599_999 } }, '$.retention.max_age_ms'],
    ['changes of null with no setting', { changes: null, evolution_mode: null }, '$.changes'],
    ['a primary key', { primary_key_cols: ['id'] }, '$.primary_key_cols'],
    ['another window', { idempotency_window: '7d' }, '$.idempotency_window'],
    ['no such mode', { compatibility_mode: 'transitive' }, '$.compatibility_mode'],
    [
      'too many changes',
      { changes: Array.from({ length: 2001 }, () => ({ op: 'set_doc', name: 'id', doc: 'x' })) },
      '$.changes',
    ],
    [
      'a column without a name',
      { changes: [{ op: 'add_column', column: { type: 'int' } }] },
      '$.changes[0].column.name',
    ],
    ['a list for a column', { changes: [{ op: 'add_column', column: [] }] }, '$.changes[0].column'],
  ])('refuses %s', async (_, body, path) => {
    const answer = await calls.alter('orders', body as object);
    expect(answer).toMatchObject(problem(400, 'REQUEST_INVALID'));
    expect(violationPaths(answer)).toContain(path);
  });

  it('takes names that SQL would trip over', async () => {
    const names = ['select', 'a"b', "it's", 'x; DROP TABLE y', '🦆', 'a.b', ' ', 'Größe'];
    const answer = await calls.change(
      ...names.map((name) => ({ op: 'add_column', column: { name, type: 'int' } })),
    );
    expect(answer.status).toBe(200);
    expect(namesOf(answer).slice(3)).toEqual(names);
    const taken = await calls.change({ op: 'add_column', column: { name: 'GRÖSSE', type: 'int' } });
    expect(taken.status).toBe(200);
    expect(await calls.change({ op: 'add_column', column: { name: 'größe', type: 'int' } })).toMatchObject({
      status: 400,
    });
  });
});

describe('If-Match', () => {
  it('lets a change through that was made for the version, and no other', async () => {
    const body = { changes: [{ op: 'set_doc', name: 'id', doc: 'new' }] };
    const conflict = await calls.alter('orders', body, { 'if-match': '"2"' });
    expect(conflict).toMatchObject(
      problem(409, 'SCHEMA_VERSION_CONFLICT', { table: 'orders', schema_version: 1, if_match: ['2'] }),
    );
    expect(await calls.alter('orders', body, { 'if-match': '"1"' })).toMatchObject({
      headers: { etag: '"2"' },
    });
    expect(await calls.alter('orders', body, { 'if-match': '"1"' })).toMatchObject({ status: 409 });
    expect(await calls.alter('orders', body, { 'if-match': '*' })).toMatchObject({ status: 200 });
    expect(await calls.alter('orders', body, { 'if-match': '2' })).toMatchObject(
      problem(400, 'REQUEST_INVALID'),
    );
  });

  it('lets one of many through that ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        calls.alter(
          'orders',
          { changes: [{ op: 'add_column', column: { name: `c${i}`, type: 'int' } }] },
          { 'if-match': '"1"' },
        ),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409, 409, 409]);
    const table = await calls.get('/v1/tables/orders');
    expect(table).toMatchObject({ headers: { etag: '"2"' } });
    expect(namesOf(table)).toHaveLength(4);
  });

  it('is not needed: changes that arrive together follow one another', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        calls.change({ op: 'add_column', column: { name: `c${i}`, type: 'int' } }),
      ),
    );
    expect(answers.map(({ body }) => body.schema_version).sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    const columns = columnsOf(await calls.get('/v1/tables/orders'));
    expect(columns.map(({ id }) => id)).toEqual(Array.from({ length: 11 }, (_, i) => 5 + i));
  });
});
