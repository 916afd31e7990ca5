import { columnsOf, problem, startOrdersApp, type OrdersCalls } from '../support/orders-app.js';

let orders: Awaited<ReturnType<typeof startOrdersApp>>;
let calls: OrdersCalls;

beforeAll(async () => {
  orders = await startOrdersApp();
});

afterAll(() => orders.close());

beforeEach(async () => {
  calls = await orders.newTenant();
});

describe('the names of tables', () => {
  it('can be changed, and are free then', async () => {
    expect(await calls.change({ op: 'rename_table', to: 'sales' })).toMatchObject({
      status: 200,
      body: { table_name: 'sales', schema_version: 2 },
    });
    expect(await calls.get('/v1/tables/orders')).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
    expect(await calls.create('orders')).toMatchObject({ status: 201 });
    expect(await calls.change({ op: 'rename_table', to: 'sales' })).toMatchObject(
      problem(409, 'TABLE_ALREADY_EXISTS', { table: 'sales' }),
    );
  });

  it('can be swapped while others ask for them, without a deadlock', async () => {
    await calls.create('other');
    const swap = (from: string, to: string) =>
      calls.alter(from, { changes: [{ op: 'rename_table', to }] }).then(({ status }) => status);
    for (let round = 0; round < 5; round++) {
      const statuses = await Promise.all([
        swap('orders', 'other'),
        swap('other', 'orders'),
        calls.create('free'),
      ]);
      expect(statuses.slice(0, 2)).toEqual([409, 409]);
    }
  });
});

describe('a dropped table', () => {
  it('comes back with its schema, its versions and its settings', async () => {
    await calls.change({ op: 'drop_column', name: 'count' });
    const { body: before } = await calls.alter('orders', { compatibility_mode: 'full' });
    await calls.drop('orders');
    expect(await calls.get('/v1/tables/orders/schemas')).toMatchObject({ status: 404 });
    const back = await calls.undrop('orders');
    expect(back).toMatchObject({ status: 200, headers: { etag: '"3"' } });
    expect(back.body).toEqual(before);
    expect((await calls.get('/v1/tables/orders/schemas')).body.schemas).toHaveLength(3);
    const added = await calls.change({ op: 'add_column', column: { name: 'count', type: 'string' } });
    expect(columnsOf(added).at(-1)).toMatchObject({ id: 8, name: 'count', type: 'string' });
  });

  it('comes back under another name where its own is taken', async () => {
    await calls.drop('orders');
    await calls.create('orders');
    expect(await calls.undrop('orders')).toMatchObject(
      problem(409, 'TABLE_ALREADY_EXISTS', { table: 'orders' }),
    );
    expect(await calls.undrop('orders', { as: 'old_orders' })).toMatchObject({
      status: 200,
      body: { table_name: 'old_orders', schema_version: 1 },
    });
    expect(await calls.undrop('orders', { as: 'older_orders' })).toMatchObject(
      problem(404, 'TABLE_NOT_FOUND'),
    );
    for (const body of [{ as: 'Orders' }, { as: '' }, { as: 5 }, { name: 'x' }]) {
      expect(await calls.undrop('orders', body)).toMatchObject(problem(400, 'REQUEST_INVALID'));
    }
  });

  it('of several of one name the last comes back, then the one before', async () => {
    await calls.change({ op: 'set_doc', name: 'id', doc: 'first' });
    await calls.drop('orders');
    await calls.create('orders');
    await calls.drop('orders');
    expect(await calls.undrop('orders')).toMatchObject({ body: { schema_version: 1 } });
    expect(await calls.undrop('orders', { as: 'first_orders' })).toMatchObject({
      body: { schema_version: 2 },
    });
    expect(await calls.undrop('orders', { as: 'third_orders' })).toMatchObject({ status: 404 });
  });

  it('is found by its last name', async () => {
    await calls.change({ op: 'rename_table', to: 'sales' });
    await calls.drop('sales');
    expect(await calls.undrop('orders')).toMatchObject(problem(404, 'TABLE_NOT_FOUND'));
    expect(await calls.undrop('sales')).toMatchObject({ status: 200, body: { table_name: 'sales' } });
  });

  it('comes back once, however many ask', async () => {
    await calls.drop('orders');
    const answers = await Promise.all(Array.from({ length: 5 }, () => calls.undrop('orders')));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404]);
  });

  it('does not come back when its time is over, nor for another tenant', async () => {
    const { body } = await calls.drop('orders');
    const { table_admin: other } = await calls.app.tenant('table_admin');
    expect(await calls.app.call('POST', '/v1/tables/orders/undrop', { key: other })).toMatchObject(
      problem(404, 'TABLE_NOT_FOUND'),
    );
    await calls.app.database.query(
      `UPDATE snapshot SET created_at = created_at - interval '1 day' WHERE snapshot_id = $1`,
      [body.dropped_snapshot_id],
    );
    expect(await calls.undrop('orders')).toMatchObject(
      problem(404, 'TABLE_NOT_FOUND', { table: 'orders', undrop_window_ms: 86_400_000 }),
    );
  });
});
