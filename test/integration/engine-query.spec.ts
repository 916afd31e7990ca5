import type { QueryJob, QueryTable } from '../../src/modules/engine/index.js';
import { columnsOf } from '../support/engine.js';
import { openQueryStage, type QueryStage } from '../support/query-stage.js';

let stage: QueryStage;
let events: QueryTable;

beforeAll(async () => {
  stage = await openQueryStage();
  ({ events } = stage);
});
afterAll(() => stage.close());

const run: QueryStage['run'] = (sql, more) => stage.run(sql, more);
const failure: QueryStage['failure'] = (sql, more) => stage.failure(sql, more);
const value = async (expression: string) => (await run(`SELECT ${expression}`)).rows[0]?.[0];

describe('tables of a query', () => {
  it('are read by field id, with the metadata after the columns of the user', async () => {
    const { columns, rows, truncated } = await run('SELECT * FROM events ORDER BY id', { tables: [events] });
    expect(columns).toEqual([
      { name: 'id', type: 'long' },
      { name: 'name', type: 'string' },
      { name: 'added', type: 'decimal(10,2)' },
      { name: '_visibility_token', type: 'long' },
      { name: '_event_time', type: 'timestamptz' },
      { name: '_ingested_at', type: 'timestamptz' },
      { name: '_idempotency_key', type: 'string' },
    ]);
    expect(rows[2]).toEqual([
      2,
      'n2',
      null,
      3,
      '2026-01-01T00:00:00.000000Z',
      '2026-01-01T00:00:00.000000Z',
      'k2',
    ]);
    expect(truncated).toBe(false);
  });

  it('may have no files, and any names for columns', async () => {
    const empty = stage.tableOf('empty', columnsOf({ 'a "b" \' 😀': 'json', l: 'uuid' }), []);
    const { columns, rows } = await run('SELECT * FROM empty', { tables: [empty] });
    expect(rows).toEqual([]);
    expect(columns.slice(0, 2)).toEqual([
      { name: 'a "b" \' 😀', type: 'json' },
      { name: 'l', type: 'uuid' },
    ]);
  });

  it('may be named like something of the catalog', async () => {
    const shadow = { ...events, name: 'duckdb_settings' };
    expect((await run('SELECT count(*) FROM duckdb_settings', { tables: [shadow] })).rows).toEqual([[3]]);
  });

  it('are listed, and nothing else is', async () => {
    const tables = [events, stage.tableOf('users', columnsOf({ country: 'string' }), [])];
    const listed = await run('SELECT table_name FROM information_schema.tables ORDER BY 1', { tables });
    expect(listed.rows).toEqual([['events'], ['users']]);
    expect((await run('SHOW TABLES', { tables })).rows).toEqual([['events'], ['users']]);
    const columns = await run(
      "SELECT column_name FROM information_schema.columns WHERE table_name = 'users'",
      { tables },
    );
    expect(columns.rows.flat()[0]).toBe('country');
  });

  it('are all that can be read, even where the gate is passed by', async () => {
    for (const name of ['secret.csv', 'secret.parquet']) {
      const path = stage.path(name);
      const error = await failure(`SELECT * FROM '${path}'`, { tables: [events] });
      expect(error.message).toContain('disabled by configuration');
    }
    for (const sql of [
      "SELECT * FROM read_text('/etc/passwd')",
      "SELECT * FROM glob('/*')",
      "COPY (SELECT 1) TO '/tmp/tidemark-out.csv'",
      'SET enable_external_access = true',
      "ATTACH '/tmp/x.db'",
      'INSTALL httpfs',
      'SELECT filename FROM events',
      'SELECT file_row_number FROM events',
    ]) {
      expect((await failure(sql, { tables: [events] })).code).toBe('SQL_INVALID');
    }
  });
});

describe('values', () => {
  it.each([
    ['9007199254740991::BIGINT', 9007199254740991],
    ['9007199254740992::BIGINT', '9007199254740992'],
    ["'-9223372036854775808'::BIGINT", '-9223372036854775808'],
    ['170141183460469231731687303715884105727::HUGEINT', '170141183460469231731687303715884105727'],
    ['sum(i) FROM range(4) r(i)', 6],
    ['1.10::DECIMAL(10,2)', '1.10'],
    ["'-99999999999999999999999999999999999999'::DECIMAL(38,0)", '-99999999999999999999999999999999999999'],
    ['0.1::DOUBLE', 0.1],
    ["'NaN'::DOUBLE", 'NaN'],
    ["'-Infinity'::DOUBLE", '-Infinity'],
    ['true', true],
    ['NULL', null],
    ["''", ''],
    ["'é😀' || chr(10)", 'é😀\n'],
    ["chr(65279) || 'a'", '\ufeffa'],
    ["[chr(65279) || repeat('a', 20)]", [`\ufeff${'a'.repeat(20)}`]],
    ["TIMESTAMP '2024-01-01 00:00:00.000001'", '2024-01-01T00:00:00.000001'],
    ["TIMESTAMPTZ '2024-01-01 02:00:00+02'", '2024-01-01T00:00:00.000000Z'],
    ["TIMESTAMP '1969-12-31 23:59:59.999999'", '1969-12-31T23:59:59.999999'],
    ["'infinity'::TIMESTAMP", 'infinity'],
    ["DATE '2024-02-29'", '2024-02-29'],
    ["DATE '0044-03-15 (BC)'", '-000043-03-15'],
    ["DATE '10000-01-01'", '+010000-01-01'],
    ["TIME '01:02:03.4'", '01:02:03.400000'],
    ["'2020-01-01 00:00:00.123456789'::TIMESTAMP_NS", '2020-01-01T00:00:00.123456789'],
    ['INTERVAL 1 DAY', '1 day'],
    ["'\\x00\\xFF'::BLOB", 'AP8='],
    ['\'{"a": 1}\'::JSON', '{"a": 1}'],
    ["'2f1e6a1c-7d36-4b7e-9e5a-000000000000'::UUID", '2f1e6a1c-7d36-4b7e-9e5a-000000000000'],
    ['[1, NULL, 9007199254740993]', [1, null, '9007199254740993']],
    ["{'a': 1, 'b': [DATE '2024-01-01']}", { a: 1, b: ['2024-01-01'] }],
    ["map {'k': 1.5}", [{ key: 'k', value: '1.5' }]],
    ["'a'::ENUM('a', 'b')", 'a'],
  ])('writes %s', async (expression, expected) => {
    expect(await value(expression)).toEqual(expected);
  });

  it('names the types of results', async () => {
    const { columns } = await run(
      "SELECT 1::TINYINT, 1, 1::HUGEINT, [1.5], {'a': 1::BIGINT}, [{'a \"b': TIME '12:00:00'}], map {1: 'x'}, 'x'::BLOB, INTERVAL 1 DAY, ''::JSON WHERE false",
    );
    expect(columns.map(({ type }) => type)).toEqual([
      'int',
      'int',
      'hugeint',
      'list<decimal(2,1)>',
      'struct<a: long>',
      'list<struct<"a \\"b": time>>',
      'map<int, string>',
      'binary',
      'interval',
      'json',
    ]);
  });

  it('refuses structs without names, which JSON objects cannot hold', async () => {
    expect((await failure('SELECT row(1, 2)')).message).toContain('without a name');
  });

  it('come whole and in order over many frames', async () => {
    const { rows } = await run("SELECT i, repeat('x', 500) FROM range(20000) r(i) ORDER BY i", {
      rowLimit: 20_000,
      maxBytes: 32 * 1024 * 1024,
    });
    expect(rows).toHaveLength(20_000);
    expect(rows.every(([i], index) => i === index)).toBe(true);
  });
});

describe('parameters', () => {
  it('are bound by position and by name', async () => {
    const { rows } = await run('SELECT ? + 1, ?, ?, ?, ?', { params: [41, 'a', null, true, 1.5] });
    expect(rows).toEqual([[42, 'a', null, true, 1.5]]);
    expect((await run('SELECT $a, $b, $a', { params: { b: 2, a: 1 } })).rows).toEqual([[1, 2, 1]]);
  });

  it('take the type that is said', async () => {
    const { columns, rows } = await run('SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9', {
      params: [
        { type: 'long', value: '9223372036854775807' },
        { type: 'decimal(10,3)', value: '1.5' },
        { type: 'timestamptz', value: '2024-01-01T02:00:00+02:00' },
        { type: 'list<long>', value: ['9223372036854775807', 1] },
        { type: 'date', value: null },
        { type: 'json', value: { a: 1 } },
        { type: 'binary', value: 'AP8=' },
        { type: 'time', value: '12:30:00' },
        {
          type: 'struct<"a b": list<binary>, n: struct<d: decimal(4,2)>>',
          value: { 'a b': ['AA==', null], n: { d: '1.5' } },
        },
      ],
    });
    expect(rows).toEqual([
      [
        '9223372036854775807',
        '1.500',
        '2024-01-01T00:00:00.000000Z',
        ['9223372036854775807', 1],
        null,
        '{"a":1}',
        'AP8=',
        '12:30:00.000000',
        { 'a b': ['AA==', null], n: { d: '1.50' } },
      ],
    ]);
    expect(columns.slice(0, 4).map(({ type }) => type)).toEqual([
      'long',
      'decimal(10,3)',
      'timestamptz',
      'list<long>',
    ]);
  });

  it('are values, never SQL', async () => {
    expect((await run('SELECT $1', { params: ["'; DROP TABLE events; --"] })).rows).toEqual([
      ["'; DROP TABLE events; --"],
    ]);
    const { rows } = await run('SELECT id FROM events WHERE id = ANY ($ids) ORDER BY id', {
      tables: [events],
      params: { ids: { type: 'list<long>', value: [1, 2] } },
    });
    expect(rows).toEqual([[1], [2]]);
  });

  it.each([
    ['SELECT $1', []],
    ['SELECT 1', [1]],
    ['SELECT $a', { b: 1 }],
    ['SELECT $1', [{ type: 'long', value: 'x' }]],
    ['SELECT $1', [{ type: 'nothing', value: 'x' }]],
    ['SELECT $1', [{ type: 'binary', value: '\\x00' }]],
    ['SELECT $1', [{ type: 'struct<a: int>', value: 'x' }]],
  ])('are refused in %s', async (sql, params) => {
    expect((await failure(sql, { params: params as QueryJob['params'] })).code).toBe('SQL_INVALID');
  });
});
