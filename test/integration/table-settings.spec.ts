import { problem, startOrdersApp, type OrdersCalls } from '../support/orders-app.js';

let orders: Awaited<ReturnType<typeof startOrdersApp>>;
let calls: OrdersCalls;

beforeAll(async () => {
  orders = await startOrdersApp();
});

afterAll(() => orders.close());

beforeEach(async () => {
  calls = await orders.newTenant();
});

describe('retention', () => {
  it('is stored and shown, and changes by a version of its own', async () => {
    const retention = { max_age_ms: 3_600_000 };
    expect((await calls.get('/v1/tables/orders')).body).toMatchObject({ retention: null });
    expect(await calls.create('kept', { retention })).toMatchObject({ status: 201, body: { retention } });
    expect((await calls.get('/v1/tables/kept')).body).toMatchObject({ retention, schema_version: 1 });
    const longer = { max_age_ms: 3_153_600_000_000 };
    expect((await calls.alter('kept', { retention: longer })).body).toMatchObject({
      retention: longer,
      schema_version: 2,
    });
    expect((await calls.alter('kept', { retention: longer })).body).toMatchObject({ schema_version: 2 });
    const renamed = await calls.alter('kept', { changes: [{ op: 'rename_table', to: 'held' }] });
    expect(renamed.body).toMatchObject({ retention: longer, schema_version: 3 });
    await calls.app.call('DELETE', '/v1/tables/held', { key: calls.key });
    const back = await calls.app.call('POST', '/v1/tables/held/undrop', { key: calls.key });
    expect(back.body).toMatchObject({ retention: longer });
    expect((await calls.alter('held', { retention: null })).body).toMatchObject({
      retention: null,
      schema_version: 4,
    });
    expect((await calls.get('/v1/tables/held')).body).toMatchObject({ retention: null });
    expect((await calls.alter('held', { retention: null })).body).toMatchObject({ schema_version: 4 });
  });

  it('stays when events change the schema', async () => {
    const retention = { max_age_ms: 86_400_000 };
    const { table_admin, ingest_writer } = await calls.app.tenant('table_admin', 'ingest_writer');
    const body = { table_name: 'learns', evolution_mode: 'evolve', retention };
    await calls.app.call('POST', '/v1/tables', { key: table_admin, body });
    const records = [{ idempotency_key: 'k', payload: { id: 1 } }];
    await calls.app.call('POST', '/v1/ingest/learns', { key: ingest_writer, body: { records } });
    expect((await calls.app.call('GET', '/v1/tables/learns', { key: table_admin })).body).toMatchObject({
      retention,
      schema_version: 1,
    });
  });
});

describe('compatibility_mode', () => {
  it('refuses what it protects from, with every column and rule', async () => {
    await calls.create('safe', { compatibility_mode: 'full' });
    const answer = await calls.alter('safe', {
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
          {
            column: 'id',
            rule: 'column_dropped',
            message: expect.any(String) as string,
            allowed: ['compatibility_mode: none'],
          },
          {
            column: 'amount',
            rule: 'column_renamed',
            message: expect.stringContaining('gross') as string,
            allowed: ['compatibility_mode: none'],
          },
          {
            column: 'count',
            rule: 'type_widened',
            message: expect.any(String) as string,
            allowed: ['compatibility_mode: none', 'compatibility_mode: backward'],
          },
        ],
      }),
    );
    const widened = { changes: [{ op: 'change_type', name: 'count', type: 'long' }] };
    expect(await calls.alter('safe', { ...widened, compatibility_mode: 'backward' })).toMatchObject({
      status: 200,
      body: { schema_version: 2, compatibility_mode: 'backward' },
    });
    expect(await calls.alter('safe', { changes: [{ op: 'drop_column', name: 'id' }] })).toMatchObject({
      status: 409,
    });
    expect(await calls.alter('safe', { compatibility_mode: 'none' })).toMatchObject({
      headers: { etag: '"3"' },
    });
    expect(await calls.alter('safe', { changes: [{ op: 'drop_column', name: 'id' }] })).toMatchObject({
      status: 200,
    });
  });
});
