import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

interface TableAnswer {
  readonly table_name: string;
  readonly schema_version: number;
  readonly schema: { readonly columns: readonly { readonly id: number; readonly name: string }[] };
}

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  // Events wait for whoever asks for their token, so that a test decides what is under way.
  service = await TestService.start({ env: { TIDEMARK_COMMIT_MAX_DELAY_MS: '600000' } });
});

afterAll(() => service.dispose());

beforeEach(async () => {
  tenant = await service.createTenant();
});

let sent = 0;

/** Accepts one record for each payload. Answers their highest token. */
async function accept(table: string, ...payloads: object[]): Promise<number> {
  const records = payloads.map((payload) => ({ idempotency_key: `k-${(sent += 1)}`, payload }));
  return expectOk(await tenant.writer.ingest(table, { records })).max_visibility_token;
}

/** As `accept`, and waits until they are visible. Answers the snapshot that shows them. */
async function publish(table: string, ...payloads: object[]): Promise<number> {
  const records = payloads.map((payload) => ({ idempotency_key: `k-${(sent += 1)}`, payload }));
  const answer = expectOk(await tenant.writer.ingest(table, { records, wait_for_visibility: true }));
  expect(answer.status).toBe('visible');
  return answer.visible_snapshot_id ?? 0;
}

const alter = async (table: string, ...changes: object[]) =>
  expectOk(await tenant.tableAdmin.patch<TableAnswer>(`/v1/tables/${table}`, { changes }));
const add = (name: string, type: string, more: object = {}) => ({
  op: 'add_column',
  column: { name, type, ...more },
});
const undrop = (table: string, body: object = {}) =>
  tenant.tableAdmin.post<TableAnswer>(`/v1/tables/${table}/undrop`, body);
const latestSnapshot = async () =>
  expectOk(await tenant.reader.get<{ snapshots: { snapshot_id: number }[] }>('/v1/snapshots?limit=1'))
    .snapshots[0]?.snapshot_id ?? 0;

describe('reading across versions', () => {
  it('maps by field id: renamed, dropped, added again, widened, moved', async () => {
    await createTable(tenant.tableAdmin, 't', [
      { name: 'id', type: 'int', nullable: false },
      { name: 'ratio', type: 'float' },
      { name: 'price', type: 'decimal(4,2)' },
      { name: 'note', type: 'string' },
    ]);
    const first = await publish('t', { id: 1, ratio: 0.5, price: '12.34', note: 'old' });
    await alter('t', { op: 'rename_column', from: 'note', to: 'text' });
    const second = await publish('t', { id: 2, text: 'renamed' });
    await alter(
      't',
      { op: 'drop_column', name: 'text' },
      add('note', 'long'),
      { op: 'change_type', name: 'id', type: 'long' },
      { op: 'change_type', name: 'ratio', type: 'double' },
      { op: 'change_type', name: 'price', type: 'decimal(38,2)' },
      { op: 'move_column', name: 'price', after: null },
    );
    const altered = await latestSnapshot();
    const third = await publish('t', {
      id: '9223372036854775807',
      ratio: 0.1,
      price: '123456789012345678901234567890123456.78',
      note: 7,
    });

    const star = (snapshot_id: number) =>
      tenant.reader.query(
        'SELECT * EXCLUDE (_visibility_token, _event_time, _ingested_at, _idempotency_key) FROM t ORDER BY id',
        {
          snapshot_id,
        },
      );
    expect(await star(first)).toMatchObject({
      status: 200,
      body: {
        columns: [
          { name: 'id', type: 'int' },
          { name: 'ratio', type: 'float' },
          { name: 'price', type: 'decimal(4,2)' },
          { name: 'note', type: 'string' },
        ],
        rows: [[1, 0.5, '12.34', 'old']],
      },
    });
    expect(await star(second)).toMatchObject({
      body: {
        columns: [{ name: 'id' }, { name: 'ratio' }, { name: 'price' }, { name: 'text', type: 'string' }],
        rows: [
          [1, 0.5, '12.34', 'old'],
          [2, null, null, 'renamed'],
        ],
      },
    });
    const wide = [
      { name: 'price', type: 'decimal(38,2)' },
      { name: 'id', type: 'long' },
      { name: 'ratio', type: 'double' },
      { name: 'note', type: 'long' },
    ];
    const before = [
      ['12.34', 1, 0.5, null],
      [null, 2, null, null],
    ];
    expect(await star(altered)).toMatchObject({ body: { columns: wide, rows: before } });
    const last = await star(third);
    expect(last).toMatchObject({ body: { columns: wide } });
    expect(last.body.rows.slice(0, 2)).toEqual(before);
    expect(last.body.rows[2]).toEqual([
      '123456789012345678901234567890123456.78',
      '9223372036854775807',
      0.1,
      7,
    ]);
    // Filters reach the old files' statistics in the old types.
    const filtered = 'SELECT id FROM t WHERE id < 2 AND price > 12.33 AND ratio = 0.5 AND note IS NULL';
    expect(await tenant.reader.rows(filtered, { snapshot_id: third })).toEqual([[1]]);
  });

  it('gives names that were swapped to their new columns', async () => {
    await createTable(tenant.tableAdmin, 't', [
      { name: 'a', type: 'string' },
      { name: 'b', type: 'string' },
    ]);
    const before = await publish('t', { a: 'A1', b: 'B1' });
    await alter(
      't',
      { op: 'rename_column', from: 'a', to: 'x' },
      { op: 'rename_column', from: 'b', to: 'a' },
      { op: 'rename_column', from: 'x', to: 'b' },
    );
    const after = await publish('t', { a: 'B2', b: 'A2' });
    const rows = (snapshot_id: number) =>
      tenant.reader.rows('SELECT a, b FROM t ORDER BY a', { snapshot_id });
    expect(await rows(before)).toEqual([['A1', 'B1']]);
    expect(await rows(after)).toEqual([
      ['B1', 'A1'],
      ['B2', 'A2'],
    ]);
  });

  it('fills defaults in at ingest only, those of the time', async () => {
    await createTable(tenant.tableAdmin, 't', [{ name: 'id', type: 'int' }]);
    await publish('t', { id: 1 });
    await alter('t', add('state', 'string', { default: 'new' }));
    await publish('t', { id: 2 });
    await alter('t', { op: 'set_default', name: 'state', default: 'newer' });
    await publish('t', { id: 3 }, { id: 4, state: null }, { id: 5, state: 'mine' });
    await alter('t', { op: 'set_default', name: 'state', default: null });
    const snapshot_id = await publish('t', { id: 6 });
    expect(await tenant.reader.rows('SELECT id, state FROM t ORDER BY id', { snapshot_id })).toEqual([
      [1, null],
      [2, 'new'],
      [3, 'newer'],
      [4, null],
      [5, 'mine'],
      [6, null],
    ]);
  });

  it('shows the catalog of each snapshot, by id and by time', async () => {
    await createTable(tenant.tableAdmin, 'orders', [{ name: 'id', type: 'int' }]);
    const created = await latestSnapshot();
    await alter('orders', add('note', 'string'), { op: 'rename_table', to: 'sales' });
    const altered = await latestSnapshot();
    await tenant.tableAdmin.delete('/v1/tables/sales');
    const dropped = await latestSnapshot();
    expectOk(await undrop('sales'));
    const undropped = await latestSnapshot();

    const timeOf = async (id: number) =>
      expectOk(await tenant.reader.get<{ created_at: string }>(`/v1/snapshots/${id}`)).created_at;
    const catalog = async (at: object) =>
      tenant.reader.rows(
        `SELECT table_name, column_name, data_type FROM information_schema.columns
         WHERE column_name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY table_name, ordinal_position`,
        at as Record<string, unknown>,
      );
    const sales = [
      ['sales', 'id', 'INTEGER'],
      ['sales', 'note', 'VARCHAR'],
    ];
    for (const [id, rows] of [
      [created, [['orders', 'id', 'INTEGER']]],
      [altered, sales],
      [dropped, []],
      [undropped, sales],
    ] as const) {
      expect(await catalog({ snapshot_id: id })).toEqual(rows);
      expect(await catalog({ snapshot_time: await timeOf(id) })).toEqual(rows);
    }
    expect(await tenant.reader.query('SELECT * FROM sales', { snapshot_id: created })).toMatchObject({
      status: 400,
      body: { error_code: 'SQL_INVALID' },
    });
  });
});

describe('events under way', () => {
  it('are decoded by the version that took them, and mapped by field id', async () => {
    await createTable(tenant.tableAdmin, 't', [
      { name: 'id', type: 'int', nullable: false },
      { name: 'size', type: 'float' },
      { name: 'gone', type: 'string' },
    ]);
    await accept('t', { id: 1, size: 1.5, gone: 'x' });
    await alter('t', { op: 'rename_column', from: 'size', to: 'width' }, { op: 'drop_column', name: 'gone' });
    await accept('t', { id: 2, width: 2.5 });
    await alter(
      't',
      { op: 'rename_column', from: 'width', to: 'w' },
      add('size', 'string'),
      add('gone', 'long'),
      { op: 'change_type', name: 'id', type: 'long' },
      { op: 'set_nullable', name: 'id', nullable: true },
    );
    await accept('t', { w: 3.5, size: 'three', gone: 3 }, { id: '4294967296' });
    await alter('t', { op: 'change_type', name: 'w', type: 'double' }, { op: 'rename_table', to: 'u' });
    const token = await accept('u', { id: 5, w: 0.1 });
    const { rows, snapshot_id } = expectOk(
      await tenant.reader.query('SELECT id, w, size, gone FROM u ORDER BY _visibility_token', {
        min_visibility_token: token,
      }),
    );
    expect(rows).toEqual([
      [1, 1.5, null, null],
      [2, 2.5, null, null],
      [null, 3.5, 'three', 3],
      [4294967296, null, null, null],
      [5, 0.1, null, null],
    ]);
    expect(snapshot_id).toBe(await latestSnapshot());
  });

  it('of a table that is dropped end as discarded, and stay so when it comes back', async () => {
    for (const name of ['t', 'other'])
      await createTable(tenant.tableAdmin, name, [{ name: 'id', type: 'int' }]);
    await publish('t', { id: 1 });
    const receipt = async (key: string) =>
      (await tenant.writer.get<{ state: string }>(`/v1/ingest/t/receipts?key=${key}`)).body;
    const lost = expectOk(
      await tenant.writer.ingest('t', { records: [{ idempotency_key: 'lost', payload: { id: 2 } }] }),
    );
    await tenant.tableAdmin.delete('/v1/tables/t');
    await publish('other', { id: 1 });
    expectOk(await undrop('t'));
    await publish('t', { id: 3 });
    expect(await tenant.reader.rows('SELECT id FROM t ORDER BY id')).toEqual([[1], [3]]);
    expect(await receipt('lost')).toMatchObject({
      state: 'discarded',
      visibility_token: lost.max_visibility_token,
    });
    const again = await tenant.writer.ingest('t', {
      records: [{ idempotency_key: 'lost', payload: { id: 2 } }],
    });
    expect(again.body).toMatchObject({ accepted_count: 0, duplicate_count: 1 });
  });

  it('are kept when the table comes back before the watermark passes them', async () => {
    await createTable(tenant.tableAdmin, 't', [{ name: 'id', type: 'int' }]);
    const token = await accept('t', { id: 1 });
    await tenant.tableAdmin.delete('/v1/tables/t');
    expectOk(await undrop('t'));
    expect(await tenant.reader.rows('SELECT id FROM t', { min_visibility_token: token })).toEqual([[1]]);
  });
});

describe('drop and undrop', () => {
  it('gives the rows back, and shows a table of the same name nothing of them', async () => {
    await createTable(tenant.tableAdmin, 't', [{ name: 'id', type: 'int' }]);
    await publish('t', { id: 1 });
    const full = await publish('t', { id: 2 });
    await tenant.tableAdmin.delete('/v1/tables/t');
    await createTable(tenant.tableAdmin, 't', [{ name: 'id', type: 'int' }]);
    expect(await tenant.reader.rows('SELECT id FROM t')).toEqual([]);
    await publish('t', { id: 10 });
    expect(await undrop('t')).toMatchObject({ status: 409, body: { error_code: 'TABLE_ALREADY_EXISTS' } });
    expect(expectOk(await undrop('t', { as: 'back' }))).toMatchObject({ table_name: 'back' });
    const again = await publish('back', { id: 3 });
    const both = 'SELECT id FROM back UNION ALL SELECT id FROM t ORDER BY 1';
    expect(await tenant.reader.rows(both, { snapshot_id: again })).toEqual([[1], [2], [3], [10]]);
    expect(await tenant.reader.rows('SELECT id FROM t ORDER BY 1', { snapshot_id: full })).toEqual([
      [1],
      [2],
    ]);

    // A second life and a second drop: each snapshot still shows its own.
    await tenant.tableAdmin.delete('/v1/tables/back');
    expect(await tenant.reader.query('SELECT * FROM back')).toMatchObject({ status: 400 });
    expectOk(await undrop('back'));
    expect(await tenant.reader.rows('SELECT count(*) FROM back')).toEqual([[3]]);
    expect(await tenant.reader.rows('SELECT count(*) FROM back', { snapshot_id: again })).toEqual([[3]]);
  });

  it('leaves receipts as they were: a file that came back is where it first was', async () => {
    await createTable(tenant.tableAdmin, 't', [{ name: 'id', type: 'int' }]);
    const answer = expectOk(
      await tenant.writer.ingest('t', {
        records: [{ idempotency_key: 'kept', payload: { id: 1 } }],
        wait_for_visibility: true,
      }),
    );
    await tenant.tableAdmin.delete('/v1/tables/t');
    expectOk(await undrop('t'));
    await alter('t', { op: 'rename_table', to: 'u' });
    expect((await tenant.writer.get('/v1/ingest/u/receipts?key=kept')).body).toMatchObject({
      state: 'visible',
      visibility_token: answer.max_visibility_token,
      snapshot_id: answer.visible_snapshot_id,
    });
    const repeat = { records: [{ idempotency_key: 'kept', payload: { id: 1 } }] };
    expect((await tenant.writer.ingest('u', repeat)).body).toMatchObject({ duplicate_count: 1 });
    expect(await tenant.writer.ingest('t', repeat)).toMatchObject({
      status: 404,
      body: { error_code: 'TABLE_NOT_FOUND' },
    });
  });
});
