import { startIngestApp, violationPaths, type Answer, type IngestApp } from '../support/ingest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let app: IngestApp;
let key: string;
let tenantId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startIngestApp(database.url);
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

beforeEach(async () => {
  ({ id: tenantId, table_admin: key } = await app.tenant('table_admin'));
  await create('orders');
});

const COLUMNS = [
  { name: 'id', type: 'long', nullable: false },
  { name: 'amount', type: 'decimal(10,2)', default: '0.00', doc: 'gross' },
  { name: 'count', type: 'int' },
];

const create = (table_name: string, more: object = {}) =>
  app.call('POST', '/v1/tables', { key, body: { table_name, schema: { columns: COLUMNS }, ...more } });
const get = (url: string) => app.call('GET', url, { key });
const alter = (table: string, body: object, headers: Record<string, string> = {}) =>
  app.call('PATCH', `/v1/tables/${table}`, { key, body, headers });
const change = (...changes: object[]) => alter('orders', { changes });
const columnsOf = ({ body }: Answer) =>
  (body.schema as { columns: { id: number; name: string; type: string }[] }).columns;
const namesOf = (answer: Answer) => columnsOf(answer).map(({ name }) => name);
const problem = (status: number, error_code: string, context: object = {}) => ({
  status,
  body: { error_code, context: expect.objectContaining(context) as object },
});

describe('PATCH of a table', () => {
  it('answers the new version with its ETag, and keeps the old ones for ever', async () => {
    const altered = await change(
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
    expect(await get('/v1/tables/orders')).toMatchObject({ headers: { etag: '"2"' }, body: altered.body });
    await change({ op: 'drop_column', name: 'note' });

    const { body } = await get('/v1/tables/orders/schemas');
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
    expect((await get('/v1/tables/orders/schemas/2')).body).toEqual(schemas[1]);
  });

  it('pages through the versions', async () => {
    for (const doc of ['a', 'b', 'c']) await change({ op: 'set_doc', name: 'id', doc });
    const first = await get('/v1/tables/orders/schemas?limit=3');
    const second = await get(
      `/v1/tables/orders/schemas?limit=3&cursor=${encodeURIComponent(String(first.body.next_cursor))}`,
    );
    const versions = [first, second].map(({ body }) =>
      (body.schemas as { schema_version: number }[]).map(({ schema_version }) => schema_version),
    );
    expect(versions).toEqual([[1, 2, 3], [4]]);
    expect(second.body.next_cursor).toBeNull();
    expect(await get('/v1/tables/orders/schemas?limit=51')).toMatchObject({ status: 400 });
    const cursor = Buffer.from('["tables","a"]').toString('base64url');
    expect(await get(`/v1/tables/orders/schemas?cursor=${cursor}`)).toMatchObject({ status: 400 });
  });

  it('knows no version that never was', async () => {
    expect(await get('/v1/tables/orders/schemas/2')).toMatchObject(
      problem(404, 'NOT_FOUND', { schema_version: 2, latest_schema_version: 1 }),
    );
    for (const version of ['0', '-1', '1.5', 'latest', '99999999999999999999', '%00']) {
      expect(await get(`/v1/tables/orders/schemas/${version}`)).toMatchObject({ status: 404 });
    }
    expect(await get('/v1/tables/nothing/schemas/1')).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
    expect(await get('/v1/tables/nothing/schemas')).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
  });

  it('makes all of the changes or none', async () => {
    const answer = await change(
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
    expect(await get('/v1/tables/orders')).toMatchObject({ body: { schema_version: 1 } });
    expect(namesOf(await get('/v1/tables/orders'))).toEqual(['id', 'amount', 'count']);
  });

  it('makes no version of what changes nothing', async () => {
    const head = async () =>
      app.database.query<unknown[]>(`SELECT snapshot_id FROM tenant_head WHERE tenant_id = $1`, [tenantId]);
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
      expect(await alter('orders', body)).toMatchObject({ status: 200, headers: { etag: '"1"' } });
    }
    expect(await head()).toEqual(before);
  });

  it('asks for table_admin, and for a table of the tenant', async () => {
    const other = await app.tenant('query_reader', 'ingest_writer', 'table_admin');
    const body = { changes: [{ op: 'rename_table', to: 'mine' }] };
    for (const reader of [other.query_reader, other.ingest_writer]) {
      expect(await app.call('PATCH', '/v1/tables/orders', { key: reader, body })).toMatchObject({
        status: 403,
      });
      expect(await app.call('POST', '/v1/tables/orders/undrop', { key: reader })).toMatchObject({
        status: 403,
      });
    }
    const theirs = await app.call('PATCH', '/v1/tables/orders', { key: other.table_admin, body });
    expect(theirs).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
    for (const name of ['nothing', 'A', '%00']) {
      expect(await alter(name, body)).toMatchObject({ status: 404 });
    }
    expect(await app.call('GET', '/v1/tables/orders/schemas', { key: other.ingest_writer })).toMatchObject({
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
    const answer = await alter('orders', body as object);
    expect(answer).toMatchObject(problem(400, 'REQUEST_INVALID'));
    expect(violationPaths(answer)).toContain(path);
  });

  it('takes names that SQL would trip over', async () => {
    const names = ['select', 'a"b', "it's", 'x; DROP TABLE y', '🦆', 'a.b', ' ', 'Größe'];
    const answer = await change(
      ...names.map((name) => ({ op: 'add_column', column: { name, type: 'int' } })),
    );
    expect(answer.status).toBe(200);
    expect(namesOf(answer).slice(3)).toEqual(names);
    const taken = await change({ op: 'add_column', column: { name: 'GRÖSSE', type: 'int' } });
    expect(taken.status).toBe(200);
    expect(await change({ op: 'add_column', column: { name: 'größe', type: 'int' } })).toMatchObject({
      status: 400,
    });
  });
});

describe('retention', () => {
  it('is stored and shown, and changes by a version of its own', async () => {
    const retention = { max_age_ms: 3_600_000 };
    expect((await get('/v1/tables/orders')).body).toMatchObject({ retention: null });
    expect(await create('kept', { retention })).toMatchObject({ status: 201, body: { retention } });
    expect((await get('/v1/tables/kept')).body).toMatchObject({ retention, schema_version: 1 });
    const longer = { max_age_ms: 3_153_600_000_000 };
    expect((await alter('kept', { retention: longer })).body).toMatchObject({
      retention: longer,
      schema_version: 2,
    });
    expect((await alter('kept', { retention: longer })).body).toMatchObject({ schema_version: 2 });
    const renamed = await alter('kept', { changes: [{ op: 'rename_table', to: 'held' }] });
    expect(renamed.body).toMatchObject({ retention: longer, schema_version: 3 });
    await app.call('DELETE', '/v1/tables/held', { key });
    const back = await app.call('POST', '/v1/tables/held/undrop', { key });
    expect(back.body).toMatchObject({ retention: longer });
    expect((await alter('held', { retention: null })).body).toMatchObject({
      retention: null,
      schema_version: 4,
    });
    expect((await get('/v1/tables/held')).body).toMatchObject({ retention: null });
    expect((await alter('held', { retention: null })).body).toMatchObject({ schema_version: 4 });
  });

  it('stays when events change the schema', async () => {
    const retention = { max_age_ms: 86_400_000 };
    const { table_admin, ingest_writer } = await app.tenant('table_admin', 'ingest_writer');
    const body = { table_name: 'learns', evolution_mode: 'evolve', retention };
    await app.call('POST', '/v1/tables', { key: table_admin, body });
    const records = [{ idempotency_key: 'k', payload: { id: 1 } }];
    await app.call('POST', '/v1/ingest/learns', { key: ingest_writer, body: { records } });
    expect((await app.call('GET', '/v1/tables/learns', { key: table_admin })).body).toMatchObject({
      retention,
      schema_version: 1,
    });
  });
});

describe('If-Match', () => {
  it('lets a change through that was made for the version, and no other', async () => {
    const body = { changes: [{ op: 'set_doc', name: 'id', doc: 'new' }] };
    const conflict = await alter('orders', body, { 'if-match': '"2"' });
    expect(conflict).toMatchObject(
      problem(409, 'SCHEMA_VERSION_CONFLICT', { table: 'orders', schema_version: 1, if_match: ['2'] }),
    );
    expect(await alter('orders', body, { 'if-match': '"1"' })).toMatchObject({ headers: { etag: '"2"' } });
    expect(await alter('orders', body, { 'if-match': '"1"' })).toMatchObject({ status: 409 });
    expect(await alter('orders', body, { 'if-match': '*' })).toMatchObject({ status: 200 });
    expect(await alter('orders', body, { 'if-match': '2' })).toMatchObject(problem(400, 'REQUEST_INVALID'));
  });

  it('lets one of many through that ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        alter(
          'orders',
          { changes: [{ op: 'add_column', column: { name: `c${i}`, type: 'int' } }] },
          { 'if-match': '"1"' },
        ),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409, 409, 409]);
    const table = await get('/v1/tables/orders');
    expect(table).toMatchObject({ headers: { etag: '"2"' } });
    expect(namesOf(table)).toHaveLength(4);
  });

  it('is not needed: changes that arrive together follow one another', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        change({ op: 'add_column', column: { name: `c${i}`, type: 'int' } }),
      ),
    );
    expect(answers.map(({ body }) => body.schema_version).sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    const columns = columnsOf(await get('/v1/tables/orders'));
    expect(columns.map(({ id }) => id)).toEqual(Array.from({ length: 11 }, (_, i) => 5 + i));
  });
});

describe('compatibility_mode', () => {
  it('refuses what it protects from, with every column and rule', async () => {
    await create('safe', { compatibility_mode: 'full' });
    const answer = await alter('safe', {
      changes: [
        { op: 'drop_column', name: 'id' },
        { op: 'rename_column', from: 'amount', to: 'gross' },
        { op: 'change_type', name: 'count', type: 'long' },
      ],
    });
    expect(answer).toMatchObject(
      problem(409, 'SCHEMA_INCOMPATIBLE', {
        table: 'safe',
        compatibility_mode: 'full',
        schema_version: 1,
        violations: [
          { column: 'id', rule: 'column_dropped', message: expect.any(String) as string },
          { column: 'amount', rule: 'column_renamed', message: expect.stringContaining('gross') as string },
          { column: 'count', rule: 'type_widened', message: expect.any(String) as string },
        ],
      }),
    );
    const widened = { changes: [{ op: 'change_type', name: 'count', type: 'long' }] };
    expect(await alter('safe', { ...widened, compatibility_mode: 'backward' })).toMatchObject({
      status: 200,
      body: { schema_version: 2, compatibility_mode: 'backward' },
    });
    expect(await alter('safe', { changes: [{ op: 'drop_column', name: 'id' }] })).toMatchObject({
      status: 409,
    });
    expect(await alter('safe', { compatibility_mode: 'none' })).toMatchObject({ headers: { etag: '"3"' } });
    expect(await alter('safe', { changes: [{ op: 'drop_column', name: 'id' }] })).toMatchObject({
      status: 200,
    });
  });
});

describe('the names of tables', () => {
  it('can be changed, and are free then', async () => {
    expect(await change({ op: 'rename_table', to: 'sales' })).toMatchObject({
      status: 200,
      body: { table_name: 'sales', schema_version: 2 },
    });
    expect(await get('/v1/tables/orders')).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
    expect(await create('orders')).toMatchObject({ status: 201 });
    expect(await change({ op: 'rename_table', to: 'sales' })).toMatchObject(
      problem(409, 'TABLE_ALREADY_EXISTS', { table: 'sales' }),
    );
  });

  it('can be swapped while others ask for them, without a deadlock', async () => {
    await create('other');
    const swap = (from: string, to: string) =>
      alter(from, { changes: [{ op: 'rename_table', to }] }).then(({ status }) => status);
    for (let round = 0; round < 5; round++) {
      const statuses = await Promise.all([swap('orders', 'other'), swap('other', 'orders'), create('free')]);
      expect(statuses.slice(0, 2)).toEqual([409, 409]);
    }
  });
});

describe('a dropped table', () => {
  const drop = (table: string) => app.call('DELETE', `/v1/tables/${table}`, { key });
  const undrop = (table: string, body?: object) =>
    app.call('POST', `/v1/tables/${table}/undrop`, { key, body });

  it('comes back with its schema, its versions and its settings', async () => {
    await change({ op: 'drop_column', name: 'count' });
    const { body: before } = await alter('orders', { compatibility_mode: 'full' });
    await drop('orders');
    expect(await get('/v1/tables/orders/schemas')).toMatchObject({ status: 404 });
    const back = await undrop('orders');
    expect(back).toMatchObject({ status: 200, headers: { etag: '"3"' } });
    expect(back.body).toEqual(before);
    expect((await get('/v1/tables/orders/schemas')).body.schemas).toHaveLength(3);
    const added = await change({ op: 'add_column', column: { name: 'count', type: 'string' } });
    expect(columnsOf(added).at(-1)).toMatchObject({ id: 8, name: 'count', type: 'string' });
  });

  it('comes back under another name where its own is taken', async () => {
    await drop('orders');
    await create('orders');
    expect(await undrop('orders')).toMatchObject(problem(409, 'TABLE_ALREADY_EXISTS', { table: 'orders' }));
    expect(await undrop('orders', { as: 'old_orders' })).toMatchObject({
      status: 200,
      body: { table_name: 'old_orders', schema_version: 1 },
    });
    expect(await undrop('orders', { as: 'older_orders' })).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
    for (const body of [{ as: 'Orders' }, { as: '' }, { as: 5 }, { name: 'x' }]) {
      expect(await undrop('orders', body)).toMatchObject(problem(400, 'REQUEST_INVALID'));
    }
  });

  it('of several of one name the last comes back, then the one before', async () => {
    await change({ op: 'set_doc', name: 'id', doc: 'first' });
    await drop('orders');
    await create('orders');
    await drop('orders');
    expect(await undrop('orders')).toMatchObject({ body: { schema_version: 1 } });
    expect(await undrop('orders', { as: 'first_orders' })).toMatchObject({ body: { schema_version: 2 } });
    expect(await undrop('orders', { as: 'third_orders' })).toMatchObject({ status: 404 });
  });

  it('is found by its last name', async () => {
    await change({ op: 'rename_table', to: 'sales' });
    await drop('sales');
    expect(await undrop('orders')).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
    expect(await undrop('sales')).toMatchObject({ status: 200, body: { table_name: 'sales' } });
  });

  it('comes back once, however many ask', async () => {
    await drop('orders');
    const answers = await Promise.all(Array.from({ length: 5 }, () => undrop('orders')));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404]);
  });

  it('does not come back when its time is over, nor for another tenant', async () => {
    const { body } = await drop('orders');
    const { table_admin: other } = await app.tenant('table_admin');
    expect(await app.call('POST', '/v1/tables/orders/undrop', { key: other })).toMatchObject(
      problem(404, 'TABLE_NOT_FOUND'),
    );
    await app.database.query(
      `UPDATE snapshot SET created_at = created_at - interval '1 day' WHERE snapshot_id = $1`,
      [body.dropped_snapshot_id],
    );
    expect(await undrop('orders')).toMatchObject(
      problem(404, 'TABLE_NOT_FOUND', { table: 'orders', undrop_window_ms: 86_400_000 }),
    );
  });
});
