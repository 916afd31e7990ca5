import { TestService, type TestTenant } from '../support/service.js';
import { expectOk, type IngestAnswer, type Problem } from '../support/service-client.js';

/** What a table that evolves learns of records that are refused, or set aside: nothing. */

interface TableAnswer {
  readonly schema_version: number;
  readonly schema: { readonly columns: readonly { readonly name: string; readonly type: string }[] };
}
interface SetAside extends IngestAnswer {
  readonly quarantined_count: number;
}
interface SentRecord {
  readonly op?: string;
  readonly payload: object;
}

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await TestService.start();
});

afterAll(() => service.dispose());

beforeEach(async () => {
  tenant = await service.createTenant();
  await create('t', [
    { name: 'id', type: 'int', nullable: false },
    { name: 'address', type: 'struct<zip: string not null, city: string>' },
    { name: 'lines', type: 'list<struct<sku: string not null>>' },
    { name: 'tags', type: 'list<string not null>' },
  ]);
});

let sent = 0;

const WAIT = { wait_for_visibility: true, visibility_timeout_ms: 60_000 };

const create = async (table_name: string, columns: object[], more: object = {}) => {
  const body = { table_name, evolution_mode: 'evolve', schema: { columns }, ...more };
  expectOk(await tenant.tableAdmin.post('/v1/tables', body));
};
const send = (table: string, records: readonly SentRecord[], more: object = {}) =>
  tenant.writer.ingest(table, {
    records: records.map((record) => ({ idempotency_key: `k${(sent += 1)}`, ...record })),
    ...more,
  });
const setAside = async (table: string, ...records: SentRecord[]) =>
  expectOk(await send(table, records, { on_invalid: 'quarantine', ...WAIT })) as SetAside;
const shown = async (table: string) =>
  expectOk(await tenant.tableAdmin.get<TableAnswer>(`/v1/tables/${table}`));
const types = async (table: string) =>
  Object.fromEntries((await shown(table)).schema.columns.map(({ name, type }) => [name, type]));

const GOOD = { payload: { id: 1, address: { zip: '1' }, lines: [{ sku: 'a' }], tags: ['x'] } };
const LACKING: [string, object, string][] = [
  ['a column that is null', { id: null }, '.id'],
  ['a column that is missing', { id: undefined }, '.id'],
  ['a field of a struct that is null', { address: { zip: null } }, '.address.zip'],
  ['a field of a struct that is missing', { address: { city: 'Ulm' } }, '.address.zip'],
  ['a field of a struct in a list', { lines: [{ sku: 'a' }, {}] }, '.lines[1].sku'],
  ['an element of a list', { tags: ['x', null] }, '.tags[1]'],
];

describe('a record that lacks what is required', () => {
  it.each(LACKING)('teaches nothing when it is refused for %s', async (_, lack, path) => {
    const answer = await send('t', [GOOD, { payload: { ...GOOD.payload, ...lack, other: 1 } }]);
    expect(answer).toMatchObject({ status: 400, body: { error_code: 'SCHEMA_VIOLATION' } });
    expect((answer.body as unknown as Problem).context.violations).toContainEqual(
      expect.objectContaining({ record: 1, path: `$.records[1].payload${path}` }),
    );
    expect((await shown('t')).schema_version).toBe(1);
  });

  it.each(LACKING)('teaches nothing when it is set aside for %s, and the others do', async (_, lack) => {
    const lacking = { payload: { ...GOOD.payload, ...lack, other: 1 } };
    expect(await setAside('t', lacking)).toMatchObject({ accepted_count: 0, quarantined_count: 1 });
    expect((await shown('t')).schema_version).toBe(1);

    const learnt = { payload: { ...GOOD.payload, id: 2, fresh: 1 } };
    expect(await setAside('t', lacking, learnt)).toMatchObject({ accepted_count: 1, quarantined_count: 1 });
    expect(Object.keys(await types('t'))).toEqual(['id', 'address', 'lines', 'tags', 'fresh']);
    expect(await tenant.reader.rows('SELECT id, fresh FROM t')).toEqual([[2, 1]]);
  });

  it('is taken where the part becomes json by what another record of the request brings', async () => {
    const records = [
      { payload: { ...GOOD.payload, id: 1, address: { zip: null }, other: 1 } },
      { payload: { ...GOOD.payload, id: 2, address: 'Ulm' } },
    ];
    expectOk(await send('t', records, WAIT));
    expect(await types('t')).toMatchObject({ address: 'json', other: 'int' });
    expect(await tenant.reader.rows('SELECT id, address FROM t ORDER BY id')).toEqual([
      [1, '{"zip":null}'],
      [2, '"Ulm"'],
    ]);
  });

  it('does not make a part json when it is set aside itself', async () => {
    const twice = { payload: { ...GOOD.payload, id: null, address: 'Ulm' } };
    const once = { payload: { ...GOOD.payload, address: { zip: null, more: 1 } } };
    expect(await setAside('t', twice, once, GOOD)).toMatchObject({ quarantined_count: 2 });
    expect((await shown('t')).schema_version).toBe(1);
  });
});

describe('a payload that is too long', () => {
  const LIMIT = 4 * 1024 * 1024;
  const columns = [
    { name: 'text', type: 'string' },
    { name: 'filled', type: 'string', default: 'x'.repeat(4_000) },
    { name: 'amounts', type: 'list<decimal(38,30)>' },
  ];

  it.each([
    ['as it is sent', { text: 'x'.repeat(LIMIT) }],
    ['with its default', { text: 'x'.repeat(LIMIT - 2_000) }],
    ['in the form of its type', { amounts: Array.from({ length: LIMIT / 32 }, () => 1) }],
  ])('teaches nothing when it is so %s', async (_, payload) => {
    await create('long', columns);
    for (const on_invalid of ['refuse', 'quarantine']) {
      const answer = await send('long', [{ payload: { text: 'short', fresh: 1 } }, { payload }], {
        on_invalid,
      });
      expect(answer).toMatchObject({
        status: 413,
        body: { error_code: 'PAYLOAD_TOO_LARGE', context: { record: 1 } },
      });
      expect((await shown('long')).schema_version).toBe(1);
    }
  });

  it('makes no schema of its own', async () => {
    expectOk(await tenant.tableAdmin.post('/v1/tables', { table_name: 'first' }));
    expect(await send('first', [{ payload: { text: 'x'.repeat(LIMIT) } }])).toMatchObject({ status: 413 });
    expect((await shown('first')).schema_version).toBe(0);
  });
});

describe('an operation that its table does not take', () => {
  it('teaches nothing', async () => {
    const upsert = { op: 'upsert', payload: { ...GOOD.payload, other: 1 } };
    expect(await send('t', [upsert])).toMatchObject({ body: { error_code: 'PRIMARY_KEY_REQUIRED' } });
    expect(await setAside('t', upsert, GOOD)).toMatchObject({ quarantined_count: 1 });
    expect((await shown('t')).schema_version).toBe(1);
  });

  it('a delete without its key teaches nothing, one with it does', async () => {
    await create('keyed', [{ name: 'id', type: 'long', default: 5 }], { primary_key_cols: ['id'] });
    const erase = (payload: object) => ({ op: 'delete', payload });
    expect(await send('keyed', [erase({ other: 1 })])).toMatchObject({ status: 400 });
    expect(await setAside('keyed', erase({ other: 1 }))).toMatchObject({ quarantined_count: 1 });
    expect(await types('keyed')).toEqual({ id: 'long' });
    expect(await setAside('keyed', erase({ id: 1, other: 1 }))).toMatchObject({ quarantined_count: 0 });
    expect(await types('keyed')).toEqual({ id: 'long', other: 'int' });
  });
});
