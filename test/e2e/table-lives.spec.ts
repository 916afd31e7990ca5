import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

/** Drops, undrops and renames in odd orders, with events under way. */

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  // Events wait for whoever asks for their token, so that a test decides what is under way.
  service = await TestService.start({ env: { TIDEMARK_COMMIT_MAX_DELAY_MS: '600000' } });
});

afterAll(() => service.dispose());

beforeEach(async () => {
  tenant = await service.createTenant();
  await make('t');
});

const WAIT = { wait_for_visibility: true, visibility_timeout_ms: 60_000 };
const make = (name: string) => createTable(tenant.tableAdmin, name, [{ name: 'id', type: 'int' }]);
const drop = (table: string) =>
  tenant.tableAdmin.delete<{ dropped_snapshot_id: number }>(`/v1/tables/${table}`);
const undrop = (table: string, body: object = {}) =>
  tenant.tableAdmin.post<{ table_name: string; schema_version: number }>(`/v1/tables/${table}/undrop`, body);
const rename = (from: string, to: string) =>
  tenant.tableAdmin.patch(`/v1/tables/${from}`, { changes: [{ op: 'rename_table', to }] });
const send = (table: string, id: number, more: object = {}) =>
  tenant.writer.ingest(table, { records: [{ idempotency_key: `k${id}`, payload: { id } }], ...more });
const accept = async (table: string, id: number) => expectOk(await send(table, id)).max_visibility_token;
const publish = async (table: string, id: number) =>
  expectOk(await send(table, id, WAIT)).visible_snapshot_id ?? 0;
const rows = async (table: string, more: object = {}) =>
  (await tenant.reader.rows(`SELECT id FROM ${table} ORDER BY id`, { ...more })).flat();
const state = async (table: string, id: number) =>
  (await tenant.writer.get<{ state: string }>(`/v1/ingest/${table}/receipts?key=k${id}`)).body.state;
const names = async () =>
  expectOk(await tenant.tableAdmin.get<{ tables: { table_name: string }[] }>('/v1/tables')).tables.map(
    ({ table_name }) => table_name,
  );
const problem = (status: number, error_code: string, context: object = {}) => ({
  status,
  body: { error_code, context },
});
const GONE = problem(404, 'TABLE_NOT_FOUND');

describe('a table that was dropped', () => {
  it('cannot be dropped, renamed, changed, written to or read', async () => {
    const full = await publish('t', 1);
    const { dropped_snapshot_id: without } = expectOk(await drop('t'));
    for (const answer of [
      await drop('t'),
      await rename('t', 'u'),
      await tenant.tableAdmin.get('/v1/tables/t'),
      await tenant.tableAdmin.get('/v1/tables/t/schemas/1'),
      await send('t', 2),
    ]) {
      expect(answer).toMatchObject(problem(404, 'TABLE_NOT_FOUND', { table: 't' }));
    }
    expect(await tenant.reader.query('SELECT id FROM t')).toMatchObject(problem(400, 'SQL_INVALID'));
    expect(await tenant.reader.query('SELECT id FROM t', { snapshot_id: without })).toMatchObject({
      status: 400,
    });
    expect(await rows('t', { snapshot_id: full })).toEqual([1]);
    expect(await names()).toEqual([]);
  });

  it('comes back once; a live one does not come back', async () => {
    await publish('t', 1);
    expect(await undrop('t')).toMatchObject(GONE);
    await drop('t');
    expectOk(await undrop('t'));
    expect(await undrop('t')).toMatchObject(GONE);
    expect(await undrop('t', { as: 'u' })).toMatchObject(GONE);
    expect(await rows('t')).toEqual([1]);
    expect(await names()).toEqual(['t']);
  });

  it('does not take a name that is taken, neither its own nor another', async () => {
    await publish('t', 1);
    await drop('t');
    for (const name of ['t', 'u']) await make(name);
    await publish('t', 2);
    for (const as of [undefined, 't', 'u']) {
      expect(await undrop('t', { as })).toMatchObject(
        problem(409, 'TABLE_ALREADY_EXISTS', { table: as ?? 't' }),
      );
    }
    expect(expectOk(await undrop('t', { as: 'v' })).table_name).toBe('v');
    expect([await rows('t'), await rows('u'), await rows('v')]).toEqual([[2], [], [1]]);

    // The names change places, by way of a third.
    for (const [from, to] of [
      ['t', 'w'],
      ['v', 't'],
      ['w', 'v'],
    ] as const)
      expectOk(await rename(from, to));
    expect([await rows('t'), await rows('v')]).toEqual([[1], [2]]);
    expect([await state('t', 1), await state('v', 2)]).toEqual(['visible', 'visible']);
  });

  it('keeps the keys that it saw, and its namesake knows none of them', async () => {
    const token = await accept('t', 1);
    await publish('t', 2);
    await drop('t');
    await make('t');
    expect(expectOk(await send('t', 1))).toMatchObject({ accepted_count: 1, duplicate_count: 0 });
    await drop('t');
    expect(expectOk(await undrop('t', { as: 'second' }))).toMatchObject({ table_name: 'second' });
    expect(expectOk(await undrop('t'))).toMatchObject({ table_name: 't' });
    expect(expectOk(await send('t', 1))).toMatchObject({ duplicate_count: 1, max_visibility_token: token });
    expect(expectOk(await send('second', 1))).toMatchObject({ duplicate_count: 1 });
  });
});

describe('a table that is renamed', () => {
  it('does not take the name of another, and its old name is free', async () => {
    await make('u');
    expect(await rename('t', 'u')).toMatchObject(problem(409, 'TABLE_ALREADY_EXISTS', { table: 'u' }));
    expect(await names()).toEqual(['t', 'u']);
    await drop('u');
    expectOk(await rename('t', 'u'));
    expect(await undrop('u')).toMatchObject(problem(409, 'TABLE_ALREADY_EXISTS', { table: 'u' }));
    expectOk(await undrop('u', { as: 't' }));
    expect(await names()).toEqual(['t', 'u']);
  });

  it('and back, with events under way, keeps them all, with their tokens and receipts', async () => {
    const first = await publish('t', 1);
    await accept('t', 2);
    expectOk(await rename('t', 'u'));
    await accept('u', 3);
    expectOk(await rename('u', 't'));
    const token = await accept('t', 4);
    expect(await tenant.reader.query('SELECT id FROM u', { min_visibility_token: token })).toMatchObject(
      problem(400, 'SQL_INVALID'),
    );
    expect(await rows('t', { min_visibility_token: token })).toEqual([1, 2, 3, 4]);
    expect(await rows('t', { snapshot_id: first })).toEqual([1]);
    for (const id of [1, 2, 3, 4]) expect(await state('t', id)).toBe('visible');
    expect(expectOk(await send('t', 3))).toMatchObject({ duplicate_count: 1 });
  });

  it('keeps its rows apart from those of a table that took its name, while both have events under way', async () => {
    await accept('t', 1);
    expectOk(await rename('t', 'old'));
    await make('t');
    await accept('t', 2);
    const both = await publish('old', 3);
    expect([await rows('t'), await rows('old')]).toEqual([[2], [1, 3]]);
    await drop('t');
    expectOk(await rename('old', 't'));
    expect(await rows('t')).toEqual([1, 3]);
    expect([await rows('t', { snapshot_id: both }), await rows('old', { snapshot_id: both })]).toEqual([
      [2],
      [1, 3],
    ]);
    expect([await state('t', 1), await state('t', 2)]).toEqual(['visible', 'visible']);
  });
});

describe('events under way to a table that is dropped', () => {
  it('are discarded, and what follows after the undrop is kept', async () => {
    const before = await publish('t', 1);
    const lost = await accept('t', 2);
    const { dropped_snapshot_id: without } = expectOk(await drop('t'));
    await make('other');
    await publish('other', 9);
    expectOk(await undrop('t', { as: 'u' }));
    const kept = await accept('u', 3);
    expect(await rows('u', { min_visibility_token: kept })).toEqual([1, 3]);
    expect([await state('u', 1), await state('u', 2), await state('u', 3)]).toEqual([
      'visible',
      'discarded',
      'visible',
    ]);
    expect(expectOk(await send('u', 2))).toMatchObject({ duplicate_count: 1, max_visibility_token: lost });
    expect(await rows('t', { snapshot_id: before })).toEqual([1]);
    expect(await tenant.reader.query('SELECT * FROM u', { snapshot_id: without })).toMatchObject({
      status: 400,
    });
  });

  it('are discarded between two lives, and those of the second are kept', async () => {
    await accept('t', 1);
    await drop('t');
    await undrop('t');
    await accept('t', 2);
    await drop('t');
    await undrop('t');
    // No snapshot was published between: nothing was discarded yet.
    await publish('t', 3);
    expect(await rows('t')).toEqual([1, 2, 3]);
  });

  it('end the wait for them when the watermark has passed; the receipt says that they are discarded', async () => {
    await make('other');
    const token = await accept('t', 1);
    await drop('t');
    // A repeat of what was sent hears of the table; a token needs none.
    expect(await send('t', 1, { wait_for_visibility: true })).toMatchObject(GONE);
    const { snapshot_id, max_visibility_token } = expectOk(
      await tenant.reader.query('SELECT count(*) FROM other', { min_visibility_token: token }),
    );
    expect(max_visibility_token).toBeGreaterThanOrEqual(token);
    expect(await state('t', 1)).toBe('discarded');
    for (const at of [{ min_visibility_token: token }, { snapshot_id }]) {
      expect(await tenant.reader.query('SELECT id FROM t', at)).toMatchObject(problem(400, 'SQL_INVALID'));
    }
  });
});

describe('the time for an undrop', () => {
  let strict: TestService;
  beforeAll(async () => {
    strict = await TestService.start({ env: { TIDEMARK_UNDROP_WINDOW_MS: '0' } });
  });
  afterAll(() => strict.dispose());

  it('ends, and the table does not come back under any name', async () => {
    tenant = await strict.createTenant();
    await make('t');
    const full = await publish('t', 1);
    await drop('t');
    for (const body of [{}, { as: 'u' }]) {
      expect(await undrop('t', body)).toMatchObject(
        problem(404, 'TABLE_NOT_FOUND', { table: 't', undrop_window_ms: 0 }),
      );
    }
    await make('t');
    expect([await rows('t'), await rows('t', { snapshot_id: full })]).toEqual([[], [1]]);
    expect([await state('t', 1), expectOk(await send('t', 1)).accepted_count]).toEqual(['visible', 1]);
  });
});
