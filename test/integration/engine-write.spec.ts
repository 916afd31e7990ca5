import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { zstdCompressSync } from 'node:zlib';
import type { Column } from '../../src/kernel/index.js';
import type { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { defineTable, MAX_COLUMNS } from '../../src/modules/tables/table-definition.js';
import { columnsOf, newWriteEngine, writeBody, writeOne } from '../support/engine.js';
import { BATCHES, openWriteStage, rowsOf, type WriteStage } from '../support/write-stage.js';

let stage: WriteStage;
let engine: DuckDbWriteEngine;

beforeAll(async () => {
  stage = await openWriteStage();
  ({ engine } = stage);
});
afterAll(() => stage.close());

const at = (name: string) => stage.at(name);
const jobOf: WriteStage['jobOf'] = (...job) => stage.jobOf(...job);

const readBack = (path: string, select = '*') =>
  rowsOf(`SELECT ${select} FROM read_parquet('${path}') ORDER BY _visibility_token`);

describe('writeParquet', () => {
  it('keeps every value of every type exactly', async () => {
    const columns = columnsOf({
      flag: 'boolean',
      i: 'int',
      l: 'long',
      f: 'float',
      d: 'double',
      big: 'decimal(38,10)',
      money: 'decimal(9,2)',
      s: 'string',
      u: 'uuid',
      day: 'date',
      ts: 'timestamp',
      tz: 'timestamptz',
      j: 'json',
    });
    const job = await jobOf('types', columns, [
      {
        flag: true,
        i: 2147483647,
        l: '9223372036854775807',
        f: 1.5,
        d: 0.1,
        big: '9999999999999999999999999999.9999999999',
        money: '-1234567.89',
        s: '',
        u: '2F1E6A1C-7d36-4b7e-9e5a-0123456789ab',
        day: '2024-02-29',
        ts: '2024-01-01T00:00:00.123456',
        tz: '0000-01-01T00:00:00.000001Z',
        j: '{"a": [1, 1e400]}',
      },
      {
        flag: false,
        i: -2147483648,
        l: '-9223372036854775808',
        f: -0.25,
        d: 5e-324,
        big: '-0.0000000001',
        money: '0.00',
        s: 'x\u0000y"\\😀',
        u: '00000000-0000-0000-0000-000000000000',
        day: '9999-12-31',
        ts: '0001-01-01T00:00:00.000000',
        tz: '9999-12-31T23:59:59.999999Z',
        j: 'null',
      },
      { l: 9007199254740991, s: null },
    ]);
    const written = await writeOne(engine, job);
    expect(written.rowCount).toBe(3);
    const rows = await readBack(job.output, '* REPLACE (CAST(tz AS VARCHAR) AS tz)');
    expect(rows).toEqual([
      {
        _visibility_token: '1000',
        _event_time: '2026-01-02 03:04:05.678901+00',
        _ingested_at: '2026-01-02 03:04:05.678901+00',
        _idempotency_key: 'k0',
        flag: true,
        i: 2147483647,
        l: '9223372036854775807',
        f: 1.5,
        d: 0.1,
        big: '9999999999999999999999999999.9999999999',
        money: '-1234567.89',
        s: '',
        u: '2f1e6a1c-7d36-4b7e-9e5a-0123456789ab',
        day: '2024-02-29',
        ts: '2024-01-01 00:00:00.123456',
        tz: '0001-01-01 (BC) 00:00:00.000001+00',
        j: '{"a": [1, 1e400]}',
      },
      {
        _visibility_token: '1001',
        _event_time: '2026-01-02 03:04:05.678901+00',
        _ingested_at: '2026-01-02 03:04:05.678901+00',
        _idempotency_key: 'k1',
        flag: false,
        i: -2147483648,
        l: '-9223372036854775808',
        f: -0.25,
        d: 5e-324,
        big: '-0.0000000001',
        money: '0.00',
        s: 'x\u0000y"\\😀',
        u: '00000000-0000-0000-0000-000000000000',
        day: '9999-12-31',
        ts: '0001-01-01 00:00:00',
        tz: '9999-12-31 23:59:59.999999+00',
        j: 'null',
      },
      {
        _visibility_token: '1002',
        _event_time: '2026-01-02 03:04:05.678901+00',
        _ingested_at: '2026-01-02 03:04:05.678901+00',
        _idempotency_key: 'k2',
        flag: null,
        i: null,
        l: '9007199254740991',
        f: null,
        d: null,
        big: null,
        money: null,
        s: null,
        u: null,
        day: null,
        ts: null,
        tz: null,
        j: null,
      },
    ]);
  });

  it('answers size, hash, event times and statistics by field id', async () => {
    const columns = columnsOf({
      n: 'long',
      'weird " . 😀': 'string',
      ok: 'boolean',
      x: 'double',
      at: 'timestamptz',
    });
    const bodyFile = at('stats.zst');
    await writeBody(bodyFile, [
      {
        b: 1,
        o: 0,
        k: 'a',
        e: '2025-06-01T00:00:00.5Z',
        p: { n: 5, 'weird " . 😀': 'b', ok: true, at: '2025-01-01T00:00:00Z' },
      },
      { b: 2, o: 7, k: 'b', e: '2024-06-01T00:00:00Z', p: { n: -5, 'weird " . 😀': 'a', x: 2 } },
    ]);
    const written = await writeOne(engine, {
      inputs: [{ bodyFile, columns }],
      batches: [...BATCHES, { batchId: 2, firstToken: 5000, ingestedAt: '2026-01-02T03:04:06Z' }],
      columns,
      sortBy: [{ name: 'n', descending: false }],
      output: at('stats.parquet'),
      expectedRows: 2,
    });
    const bytes = await readFile(at('stats.parquet'));
    expect(written).toMatchObject({
      path: at('stats.parquet'),
      rowCount: 2,
      sizeBytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      minEventTime: '2024-06-01T00:00:00.000000Z',
      maxEventTime: '2025-06-01T00:00:00.500000Z',
    });
    expect(written.columnStats).toEqual({
      1: { min: '1000', max: '5007', nullCount: 0 },
      2: { min: '2024-06-01T00:00:00.000000Z', max: '2025-06-01T00:00:00.500000Z', nullCount: 0 },
      3: { min: '2026-01-02T03:04:05.678901Z', max: '2026-01-02T03:04:06.000000Z', nullCount: 0 },
      4: { min: 'a', max: 'b', nullCount: 0 },
      5: { min: '-5', max: '5', nullCount: 0 },
      6: { min: 'a', max: 'b', nullCount: 0 },
      7: { min: 'true', max: 'true', nullCount: 1 },
      8: { min: '2.0', max: '2.0', nullCount: 1, nanCount: 0 },
      9: { min: '2025-01-01T00:00:00.000000Z', max: '2025-01-01T00:00:00.000000Z', nullCount: 1 },
    });
    const inOrder = await rowsOf(`SELECT n FROM read_parquet('${at('stats.parquet')}')`);
    expect(inOrder).toEqual([{ n: '-5' }, { n: '5' }]);
    const schema = await rowsOf(
      `SELECT name, field_id, type FROM parquet_schema('${at('stats.parquet')}') WHERE field_id IS NOT NULL`,
    );
    expect(schema.map((row) => `${String(row.name)}=${String(row.field_id)}`)).toEqual([
      '_visibility_token=1',
      '_event_time=2',
      '_ingested_at=3',
      '_idempotency_key=4',
      'n=5',
      'weird " . 😀=6',
      'ok=7',
      'x=8',
      'at=9',
    ]);
    expect(schema[0]).toMatchObject({ type: 'INT64' });
  });

  it('maps inputs of several schema versions by field id', async () => {
    const before: Column[] = [
      { id: 5, name: 'id', type: 'int', nullable: true },
      { id: 6, name: 'old name', type: 'string', nullable: true },
      { id: 7, name: 'dropped', type: 'string', nullable: true },
    ];
    const after: Column[] = [
      { id: 6, name: 'new name', type: 'string', nullable: true },
      { id: 5, name: 'id', type: 'long', nullable: true },
      { id: 8, name: 'dropped', type: 'date', nullable: true },
    ];
    await writeBody(at('v1.zst'), [{ b: 1, o: 0, k: 'a', p: { id: 1, 'old name': 'x', dropped: 'gone' } }]);
    await writeBody(at('v2.zst'), [
      { b: 1, o: 1, k: 'b', p: { id: '9223372036854775807', 'new name': 'y', dropped: '2020-01-01' } },
    ]);
    const written = await writeOne(engine, {
      inputs: [
        { bodyFile: at('v1.zst'), columns: before },
        { bodyFile: at('v2.zst'), columns: after },
      ],
      batches: BATCHES,
      columns: after,
      sortBy: [{ name: 'id', descending: false }],
      output: at('mapped.parquet'),
    });
    expect(written.rowCount).toBe(2);
    expect(
      await readBack(at('mapped.parquet'), '* EXCLUDE (_visibility_token, _event_time, _ingested_at)'),
    ).toEqual([
      { _idempotency_key: 'a', 'new name': 'x', id: '1', dropped: null },
      { _idempotency_key: 'b', 'new name': 'y', id: '9223372036854775807', dropped: '2020-01-01' },
    ]);
  });

  it('writes tables without columns and files without rows', async () => {
    const job = await jobOf('bare', [], [{}, {}]);
    expect((await writeOne(engine, job)).rowCount).toBe(2);
    await writeFile(at('empty.zst'), zstdCompressSync(''));
    const columns = columnsOf({ a: 'long' });
    const empty = await writeOne(engine, {
      ...job,
      inputs: [{ bodyFile: at('empty.zst'), columns }],
      columns,
      output: at('empty.parquet'),
    });
    expect(empty).toMatchObject({ rowCount: 0, minEventTime: null, maxEventTime: null });
  });

  it('writes as many columns of text as a table may have, again and again, in its usual memory', async () => {
    const names = Array.from({ length: MAX_COLUMNS }, (_, i) => `c${i}`);
    const columns = columnsOf(Object.fromEntries(names.map((name) => [name, 'string'])));
    const payload = Object.fromEntries(names.map((name) => [name, 'abc']));
    const job = await jobOf(
      'wide',
      columns,
      Array.from({ length: 100 }, () => payload),
    );
    const usual = newWriteEngine(stage.folder, { memoryBytes: 1024 * 1024 * 1024 });
    try {
      for (let i = 0; i < 3; i++) expect((await writeOne(usual, job)).rowCount).toBe(100);
    } finally {
      await usual.close();
    }
  });

  it('gives lists, structs and their parts field ids and statistics of their own', async () => {
    const columns = defineTable({
      tableName: 't',
      columns: [{ name: 'a', type: 'list<struct<"b.c": time, "d""e": binary>>'.replace('""', '\\"') }],
    }).columns;
    const job = await jobOf(
      'nested',
      [...columns],
      [{ a: [{ 'b.c': '12:00:00.5', 'd"e': 'AP8=' }, null] }, {}],
    );
    const { columnStats } = await writeOne(engine, job);
    expect(columnStats['7']).toEqual({ min: '12:00:00.500000', max: '12:00:00.500000' });
    expect(columnStats['8']).toEqual({ min: 'AP8=', max: 'AP8=' });
    expect(Object.keys(columnStats)).toEqual(['1', '2', '3', '4', '7', '8']);
  });

  it('takes a line of 30 MB', async () => {
    const job = await jobOf('long', columnsOf({ s: 'string' }), [{ s: 'x'.repeat(30_000_000) }]);
    const written = await writeOne(engine, job);
    expect(written.columnStats['5']).toEqual({
      min: 'x'.repeat(256),
      max: `${'x'.repeat(255)}y`,
      nullCount: 0,
    });
  });
});
