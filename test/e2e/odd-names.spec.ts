import { TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

/** Names that SQL, JavaScript or a file system would trip over: whatever is taken as a name works wherever a name may stand. */

const COLUMN_NAMES = [
  'select',
  'FROM',
  'order by',
  'rowid',
  'constructor',
  'a"b',
  "it's",
  'x; DROP TABLE y; --',
  '/* */',
  '$1',
  '?',
  '%',
  '\\',
  '../..',
  'a.b',
  ' ',
  'Größe',
  '名前',
  '🦆',
  '👩‍👩‍👧 family',
  'n'.repeat(128),
  '🦆'.repeat(128),
];
const TABLE_NAMES = [
  'select',
  'table',
  'order',
  'user',
  'main',
  'temp',
  'system',
  'memory',
  'information_schema',
  'pg_catalog',
  'pg_class',
  'duckdb_tables',
  'sqlite_master',
  'range',
  'unnest',
  'read_parquet',
  'n'.repeat(63),
];

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await TestService.start();
  tenant = await service.createTenant();
});

afterAll(() => service.dispose());

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const alter = async (table: string, body: object) =>
  expectOk(await tenant.tableAdmin.patch<{ schema_version: number }>(`/v1/tables/${table}`, body));
const shown = async (table: string) =>
  expectOk(
    await tenant.tableAdmin.get<{
      schema: { columns: { name: string; fields?: { name: string }[] }[] };
      primary_key_cols: string[];
      partition_spec: { column: string }[];
      sort_order: { column: string }[];
    }>(`/v1/tables/${table}`),
  );

let sent = 0;
const publish = async (table: string, ...sentRecords: { payload: object; op?: string }[]) => {
  const records = sentRecords.map((record) => ({ idempotency_key: `k${(sent += 1)}`, ...record }));
  const wait = { wait_for_visibility: true, visibility_timeout_ms: 60_000 };
  const answer = expectOk(await tenant.writer.ingest(table, { records, ...wait }));
  expect(answer.status).toBe('visible');
};

it.each(COLUMN_NAMES.map((name, index) => [name, index]))(
  'a column may be called %j',
  async (name, index) => {
    const table = `c${index}`;
    const columns = [
      { name: 'id', type: 'int' },
      { name, type: 'string' },
      { name: 'part', type: `struct<${JSON.stringify(name)}: int>` },
    ];
    const layout = {
      primary_key_cols: [name],
      partition_spec: [{ column: name, transform: 'truncate(1)' }],
      sort_order: [{ column: name, direction: 'desc' }],
    };
    expectOk(
      await tenant.tableAdmin.post('/v1/tables', { table_name: table, schema: { columns }, ...layout }),
    );
    expect(await shown(table)).toMatchObject(layout);
    await publish(
      table,
      { payload: { id: 1, [name]: 'a', part: { [name]: 7 } } },
      { payload: { id: 2, [name]: 'b' } },
      { payload: { id: 3, [name]: 'b', part: { [name]: 8 } }, op: 'upsert' },
    );

    const column = quoted(name);
    const rows = `SELECT id, ${column} AS v, part.${column} FROM ${table} WHERE ${column} >= 'a' ORDER BY ${column}`;
    const answer = expectOk(await tenant.reader.query(`SELECT ${column} FROM ${table} ORDER BY 1`));
    expect(answer).toMatchObject({ columns: [{ name }], rows: [['a'], ['b']] });
    expect(await tenant.reader.rows(rows)).toEqual([
      [1, 'a', 7],
      [3, 'b', 8],
    ]);
    await publish(table, { payload: { [name]: 'a' }, op: 'delete' });
    expect(await tenant.reader.rows(rows)).toEqual([[3, 'b', 8]]);

    const path = JSON.stringify(name);
    await alter(table, {
      changes: [
        { op: 'set_doc', name, doc: 'odd' },
        { op: 'rename_column', from: name, to: 'plain' },
        { op: 'rename_column', from: 'id', to: name },
        { op: 'move_column', name, after: 'part' },
        { op: 'change_type', name: `part.${path}`, type: 'long' },
        { op: 'rename_column', from: `part.${path}`, to: 'inner' },
        { op: 'add_column', column: { name: `part.${path}`, type: 'string' } },
      ],
      partition_spec: [{ column: name, transform: 'bucket(4)' }],
      sort_order: [{ column: name }],
    });
    const after = await shown(table);
    expect(after).toMatchObject({ primary_key_cols: ['plain'], partition_spec: [{ column: name }] });
    expect(after.schema.columns.map((each) => each.name)).toEqual(['plain', 'part', name]);
    expect(after.schema.columns[1]?.fields?.map((each) => each.name)).toEqual(['inner', name]);
    await publish(table, { payload: { plain: 'c', [name]: 4, part: { inner: 2 ** 40, [name]: 'x' } } });
    const both = `SELECT ${column}, plain, part.inner, part.${column} FROM ${table} ORDER BY ${column}`;
    expect(await tenant.reader.rows(both)).toEqual([
      [3, 'b', 8, null],
      [4, 'c', 2 ** 40, 'x'],
    ]);
  },
);

it.each(TABLE_NAMES)('a table may be called %s', async (name) => {
  const columns = [{ name: 'id', type: 'int' }];
  expectOk(await tenant.tableAdmin.post('/v1/tables', { table_name: name, schema: { columns } }));
  await publish(name, { payload: { id: 1 } });
  expect(await tenant.reader.rows(`SELECT id FROM ${quoted(name)}`)).toEqual([[1]]);
  await alter(name, { changes: [{ op: 'rename_table', to: 'for_a_while' }] });
  await publish('for_a_while', { payload: { id: 2 } });
  await alter('for_a_while', { changes: [{ op: 'rename_table', to: name }] });
  expect(await tenant.reader.rows(`SELECT id FROM ${quoted(name)} ORDER BY id`)).toEqual([[1], [2]]);
  expectOk(await tenant.tableAdmin.delete(`/v1/tables/${name}`));
  expect(await tenant.reader.query(`SELECT id FROM ${quoted(name)}`)).toMatchObject({ status: 400 });
  expectOk(await tenant.tableAdmin.post(`/v1/tables/${name}/undrop`, {}));
  expect(await tenant.reader.rows(`SELECT count(*) FROM ${quoted(name)}`)).toEqual([[2]]);
});
