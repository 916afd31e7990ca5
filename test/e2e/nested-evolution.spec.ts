import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

/** Changes of parts of nested columns: no file is rewritten, and values are found by field id in files of all versions. */

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await TestService.start({ env: { TIDEMARK_COMMIT_MAX_DELAY_MS: '600000' } });
});

afterAll(() => service.dispose());

beforeEach(async () => {
  tenant = await service.createTenant();
});

let sent = 0;

async function accept(table: string, wait: boolean, ...payloads: object[]) {
  const records = payloads.map((payload) => ({ idempotency_key: `k-${(sent += 1)}`, payload }));
  return expectOk(await tenant.writer.ingest(table, { records, wait_for_visibility: wait }));
}

/** Answers the snapshot that shows them. */
const publish = async (table: string, ...payloads: object[]): Promise<number> =>
  (await accept(table, true, ...payloads)).visible_snapshot_id ?? 0;

const alter = async (table: string, ...changes: object[]) =>
  expectOk(
    await tenant.tableAdmin.patch<{ schema: { columns: { type: string }[] } }>(`/v1/tables/${table}`, {
      changes,
    }),
  );
const add = (name: string, type: string, more: object = {}) => ({
  op: 'add_column',
  column: { name, type, ...more },
});
const rows = async (sql: string, more: Record<string, unknown> = {}) =>
  expectOk(await tenant.reader.query(sql, more)).rows;

it('are read by field id from files of every version', async () => {
  await createTable(tenant.tableAdmin, 't', [
    { name: 'id', type: 'int' },
    { name: 'at', type: 'struct<city: string, zip: int, raw: json>' },
    { name: 'lines', type: 'list<struct<sku: string not null, n: int, tags: list<int>>>' },
  ]);
  const first = await publish(
    't',
    { id: 1, at: { city: 'Bern', zip: 3000, raw: { a: [1] } }, lines: [{ sku: 'x', n: 1, tags: [7] }, null] },
    { id: 2, at: null, lines: [] },
    { id: 3, at: {}, lines: null },
  );
  await alter(
    't',
    { op: 'rename_column', from: 'at.city', to: 'town' },
    { op: 'change_type', name: 'at.zip', type: 'long' },
    { op: 'drop_column', name: 'lines.element.n' },
    add('lines.element.n', 'string'),
    { op: 'change_type', name: 'lines.element.tags.element', type: 'long' },
    { op: 'rename_column', from: 'lines.element.sku', to: 'SKU' },
  );
  await publish('t', {
    id: 4,
    at: { town: 'Basel', zip: '9007199254740993' },
    lines: [{ SKU: 'y', n: 'new', tags: ['9007199254740993'] }],
  });
  await alter(
    't',
    add('at.city', 'boolean'),
    { op: 'move_column', name: 'at.zip', after: null },
    { op: 'rename_column', from: 'at', to: 'place' },
  );
  await publish('t', { id: 5, place: { city: true, town: 'Chur' }, lines: [{ SKU: 'z' }] });

  expect(await rows('SELECT id, place, lines FROM t ORDER BY id')).toEqual([
    [1, { zip: 3000, town: 'Bern', raw: '{"a":[1]}', city: null }, [{ SKU: 'x', tags: [7], n: null }, null]],
    [2, null, []],
    [3, { zip: null, town: null, raw: null, city: null }, null],
    [
      4,
      { zip: '9007199254740993', town: 'Basel', raw: null, city: null },
      [{ SKU: 'y', tags: ['9007199254740993'], n: 'new' }],
    ],
    [5, { zip: null, town: 'Chur', raw: null, city: true }, [{ SKU: 'z', tags: null, n: null }]],
  ]);
  expect(await rows("SELECT id FROM t WHERE place.town = 'Bern' AND lines[1].SKU = 'x'")).toEqual([[1]]);
  expect(await rows('SELECT count(*) FROM t')).toEqual([[5]]);
  expect(await rows('SELECT "at", lines[1] FROM t WHERE id = 1', { snapshot_id: first })).toEqual([
    [
      { city: 'Bern', zip: 3000, raw: '{"a":[1]}' },
      { sku: 'x', n: 1, tags: [7] },
    ],
  ]);
});

it('are found where nothing but the case of a name changed, of any letter', async () => {
  await createTable(tenant.tableAdmin, 't', [{ name: 's', type: 'struct<"été": int, ort: int>' }]);
  await publish('t', { s: { été: 1, ort: 2 } });
  await alter(
    't',
    { op: 'rename_column', from: 's.été', to: 'Été' },
    { op: 'rename_column', from: 's.ort', to: 'Ort' },
  );
  expect(await rows('SELECT s FROM t')).toEqual([[{ Été: 1, Ort: 2 }]]);
});

it('hold for events that were accepted before the change, and lose what was dropped', async () => {
  await createTable(tenant.tableAdmin, 't', [
    { name: 'id', type: 'int' },
    { name: 's', type: 'struct<a: int, b: binary, c: string>' },
  ]);
  await accept('t', false, { id: 1, s: { a: 1, b: 'AAEC', c: 'gone' } });
  await alter(
    't',
    { op: 'rename_column', from: 's.a', to: 'x' },
    { op: 'rename_column', from: 's.b', to: 'a' },
    { op: 'drop_column', name: 's.c' },
    add('s.c', 'int', { default: 5 }),
  );
  await publish('t', { id: 2, s: { x: 2 } });
  expect(
    await rows(
      'SELECT * EXCLUDE (_visibility_token, _event_time, _ingested_at, _idempotency_key) FROM t ORDER BY id',
    ),
  ).toEqual([
    [1, { x: 1, a: 'AAEC', c: null }],
    [2, { x: 2, a: null, c: 5 }],
  ]);
});

it('hold for keyed tables, whose rows are held against deletes', async () => {
  const body = {
    table_name: 'k',
    primary_key_cols: ['id'],
    schema: {
      columns: [
        { name: 'id', type: 'int', nullable: false },
        { name: 's', type: 'struct<a: int, b: int>' },
      ],
    },
  };
  expect((await tenant.tableAdmin.post('/v1/tables', body)).status).toBe(201);
  await publish('k', { id: 1, s: { a: 1, b: 10 } }, { id: 2, s: { a: 2, b: 20 } });
  await alter(
    'k',
    { op: 'rename_column', from: 's.a', to: 'x' },
    { op: 'rename_column', from: 's.b', to: 'a' },
  );
  await publish('k', { id: 2, s: { x: 3, a: 30 } });
  expect(await rows('SELECT id, s FROM k ORDER BY id')).toEqual([
    [1, { x: 1, a: 10 }],
    [2, { x: 3, a: 30 }],
  ]);
});

it('may hit every field of a struct, and the mode of compatibility judges them', async () => {
  await createTable(tenant.tableAdmin, 't', [{ name: 's', type: 'struct<a: int>' }]);
  await publish('t', { s: { a: 1 } });
  await alter('t', add('s.b', 'int'), { op: 'drop_column', name: 's.a' });
  expect(await rows('SELECT s FROM t')).toEqual([[{ b: null }]]);

  const patch = { compatibility_mode: 'full', changes: [{ op: 'rename_column', from: 's.b', to: 'c' }] };
  const refused = await tenant.tableAdmin.patch<{ error_code: string; context: object }>(
    '/v1/tables/t',
    patch,
  );
  expect(refused.status).toBe(409);
  expect(refused.body).toMatchObject({
    error_code: 'SCHEMA_INCOMPATIBLE',
    context: { violations: [{ column: 's.b', rule: 'column_renamed' }] },
  });
});
