import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { AppError, type Column } from '../../src/kernel/index.js';
import type { QueryJob, QueryResult, QueryTable } from '../../src/modules/engine/index.js';
import type { DuckDbQueryEngine } from '../../src/modules/engine/query-engine.duckdb.js';
import { columnsOf, newQueryEngine, testFolder, type TestFolder } from '../support/engine.js';

let folder: TestFolder;
let engine: DuckDbQueryEngine;
let events: QueryTable;

const MIB = 1024 * 1024;

beforeAll(async () => {
  folder = await testFolder();
  engine = newQueryEngine({ memoryBytes: 256 * MIB });
  await writeParquet(
    'a.parquet',
    "SELECT i + 1 AS _visibility_token, TIMESTAMPTZ '2026-01-01' AS _event_time, TIMESTAMPTZ '2026-01-01' AS _ingested_at, " +
      "'k' || i AS _idempotency_key, i AS id, 'n' || i AS old_name FROM range(3) r(i)",
    '_visibility_token: 1, _event_time: 2, _ingested_at: 3, _idempotency_key: 4, id: 5, old_name: 6',
  );
  await writeParquet('secret.parquet', 'SELECT 42 AS answer', 'answer: 5');
  await writeFile(join(folder.path, 'secret.csv'), 'answer\n42\n');
  events = tableOf('events', columnsOf({ id: 'long', name: 'string', added: 'decimal(10,2)' }), [
    'a.parquet',
  ]);
});

afterAll(async () => {
  await engine.close();
  await folder.remove();
});

async function writeParquet(name: string, select: string, fieldIds: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(
    `COPY (${select}) TO '${join(folder.path, name)}' (FORMAT parquet, FIELD_IDS {${fieldIds}})`,
  );
  connection.closeSync();
  instance.closeSync();
}

const tableOf = (name: string, columns: Column[], files: string[]): QueryTable => ({
  name,
  columns,
  files: files.map((file) => ({ path: join(folder.path, file) })),
});

const job = (sql: string, more: Partial<QueryJob> = {}): QueryJob => ({
  tenantId: 'acme',
  sql,
  params: [],
  tables: [],
  rowLimit: 1000,
  maxBytes: 10 * MIB,
  timeoutMs: 20_000,
  ...more,
});

const run = (sql: string, more: Partial<QueryJob> = {}): Promise<QueryResult> => engine.run(job(sql, more));
const value = async (expression: string) => (await run(`SELECT ${expression}`)).rows[0]?.[0];

async function failure(sql: string, more: Partial<QueryJob> = {}, signal?: AbortSignal): Promise<AppError> {
  const error: unknown = await engine.run(job(sql, more), signal).catch((caught: unknown) => caught);
  if (!(error instanceof AppError)) throw new Error(`expected an AppError, not ${String(error)}`);
  return error;
}

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
    const empty = tableOf('empty', columnsOf({ 'a "b" \' 😀': 'json', l: 'uuid' }), []);
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
    const tables = [events, tableOf('users', columnsOf({ country: 'string' }), [])];
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
      const path = join(folder.path, name);
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
      maxBytes: 32 * MIB,
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

describe('limits', () => {
  it('cut at the row limit and say so', async () => {
    const all = await run('FROM range(10)', { rowLimit: 10 });
    expect([all.rows.length, all.truncated]).toEqual([10, false]);
    const cut = await run('FROM range(1000000000)', { rowLimit: 9 });
    expect([cut.rows.length, cut.truncated]).toEqual([9, true]);
  });

  it('refuse too many bytes', async () => {
    const error = await failure("SELECT repeat('x', 1000) FROM range(100)", { maxBytes: 50_000 });
    expect(error.code).toBe('QUERY_TOO_LARGE');
    expect(error.context).toEqual({ max_bytes: 50_000 });
  });

  it('count the names and types of the columns', async () => {
    const error = await failure(`SELECT 1 AS "${'x'.repeat(60_000)}"`, { maxBytes: 50_000 });
    expect(error.code).toBe('QUERY_TOO_LARGE');
  });

  it('stop at the deadline, also what does not heed an interrupt', async () => {
    const error = await failure(
      'SELECT count(*) FROM range(100000) a, range(1000000) b WHERE hash(a.range + b.range) = 1',
      { timeoutMs: 300 },
    );
    expect(error.code).toBe('QUERY_TIMEOUT');
    const stubborn = await failure(
      "SELECT max(length(rpad('x', 200000000, 'ab'))) FROM range(1000) r(i) WHERE i >= 0",
      { timeoutMs: 300 },
    );
    expect(['QUERY_TIMEOUT', 'QUERY_MEMORY_EXCEEDED']).toContain(stubborn.code);
  });

  it.each([
    "SELECT length(repeat('x', 2000000000)), length(repeat('y', 2000000000))",
    'SELECT list(hash(i)) FROM range(200000000) r(i)',
    'SELECT i, count(*) FROM range(100000000) r(i) GROUP BY i ORDER BY 2 DESC LIMIT 1',
    "SELECT list_transform(range(100000000), x -> repeat('x', 100))",
    "SELECT string_agg(repeat('x', 1000000), ',') FROM range(10000)",
  ])('stop %s at the memory limit', async (sql) => {
    expect((await failure(sql)).code).toBe('QUERY_MEMORY_EXCEEDED');
    expect((await run('SELECT 1')).rows).toEqual([[1]]);
  });

  it('survive deep statements', async () => {
    const tenantId = 'deep';
    const wide = `SELECT count(*) FROM (SELECT 1 ${'UNION ALL SELECT 1 '.repeat(2000)})`;
    expect((await run(wide, { tenantId })).rows).toEqual([[2001]]);
    const deep = `SELECT * FROM ${'(SELECT * FROM '.repeat(300)}(SELECT 1)${')'.repeat(300)}`;
    expect((await run(deep, { tenantId })).rows).toEqual([[1]]);
  });
});

describe('failures', () => {
  it('of the statement have a message and a place, without paths', async () => {
    const error = await failure("SELECT 'é', CAST(name AS INTEGER) FROM events", { tables: [events] });
    expect(error.code).toBe('SQL_INVALID');
    expect(error.message).toContain('Could not convert');
    expect(error.message).not.toContain(folder.path);
    expect((await failure("SELECT 'é', nothing FROM events", { tables: [events] })).context).toEqual({
      position: 13,
    });
  });

  it('have a short message, whatever the statement puts into it', async () => {
    const error = await failure("SELECT error(repeat('é', 5000000))");
    expect(error.code).toBe('SQL_INVALID');
    expect(error.message.length).toBeLessThan(5000);
  });

  it('of a file do not show its path', async () => {
    await writeFile(join(folder.path, 'torn.parquet'), 'PAR1 is not enough');
    const torn = tableOf('torn', columnsOf({ a: 'long' }), ['torn.parquet']);
    const error: unknown = await engine
      .run(job('FROM torn', { tables: [torn] }))
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).not.toContain(folder.path);
  });

  it('of a child cost one query', async () => {
    const own = newQueryEngine({ concurrency: 1 });
    await own.warm();
    const slow = own.run(
      job('SELECT count(*) FROM range(100000) a, range(1000000) b WHERE hash(a.range + b.range) = 1'),
    );
    slow.catch(() => undefined);
    const working = own.childPids().slice(1);
    for (const pid of working) process.kill(pid, 'SIGKILL');
    await expect(slow).rejects.toThrow(Error);
    expect((await own.run(job('SELECT 1'))).rows).toEqual([[1]]);
    await own.close();
  });
});

describe('a caller that goes away', () => {
  it('ends its query', async () => {
    const abort = new AbortController();
    const slow = engine.run(
      job('SELECT count(*) FROM range(100000) a, range(1000000) b WHERE hash(a.range + b.range) = 1'),
      abort.signal,
    );
    abort.abort(new Error('gone'));
    await expect(slow).rejects.toThrow('gone');
    expect((await run('SELECT 1')).rows).toEqual([[1]]);
  });
});

describe('children', () => {
  it('keep nothing of a statement for the next one', async () => {
    await run('CREATE TABLE left_behind AS SELECT 1 AS a');
    expect((await failure('SELECT a FROM left_behind')).code).toBe('SQL_INVALID');
    expect((await run('SELECT 1')).rows).toEqual([[1]]);
  });

  it('serve the next statement of their tenant, however soon it comes', async () => {
    const own = newQueryEngine({ concurrency: 2 });
    await own.run(job('SELECT 1'));
    await own.warm();
    const pids = own.childPids();
    for (let i = 0; i < 5; i++) expect((await own.run(job(`SELECT ${i}`))).rows).toEqual([[i]]);
    expect(own.childPids()).toEqual(pids);
    await own.close();
  });

  it('serve one tenant each, have no environment, and are limited', async () => {
    const own = newQueryEngine({ concurrency: 2, idleMs: 60_000 });
    const pidsOf = async (tenantId: string) => {
      await own.run(job('SELECT 1', { tenantId }));
      return own.childPids();
    };
    const first = await pidsOf('a');
    const again = await pidsOf('a');
    expect(again[0]).toBe(first[0]);
    await pidsOf('b');
    await own.gate('SELECT 1', []);
    await own.warm();
    const pids = own.childPids();
    expect(pids).toHaveLength(4);
    for (const pid of pids) {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
        .split('\0')
        .filter((entry) => entry !== '');
      expect(environment.map((entry) => entry.split('=')[0]).sort()).toEqual([
        'LANG',
        'MALLOC_ARENA_MAX',
        'NODE_CHANNEL_FD',
        'NODE_CHANNEL_SERIALIZATION_MODE',
        'PATH',
        'PWD',
        'TZ',
      ]);
      expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max address space\s+\d+/);
      expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max core file size\s+0/);
    }
    await pidsOf('c');
    expect(own.childPids().length).toBeLessThanOrEqual(4);
    await own.close();
    expect(own.childPids()).toEqual([]);
  });

  it('wait in a short queue, and are refused beyond it', async () => {
    const own = newQueryEngine({ concurrency: 1, maxWaiting: 1 });
    const slow = () =>
      own.run(job('SELECT count(*) FROM range(20000) a, range(5000) b WHERE hash(a.range + b.range) = 1'));
    const answers = await Promise.allSettled([slow(), slow(), slow()]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    const reasons = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [answer.reason as AppError] : [],
    );
    expect(reasons.map(({ code }) => code)).toEqual(['QUEUE_FULL']);
    await own.close();
  });
});
