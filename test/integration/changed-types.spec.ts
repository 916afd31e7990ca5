import { join } from 'node:path';
import { columnTypeText, parseType, type Column } from '../../src/kernel/index.js';
import type { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { PayloadValidator } from '../../src/modules/tables/index.js';
import { grownColumns } from '../../src/modules/tables/inference/grown-columns.js';
import { newQueryEngine, newWriteEngine, testFolder, writeBody, type TestFolder } from '../support/engine.js';

const query = newQueryEngine({ concurrency: 1, threads: 1 });
let folder: TestFolder;
let engine: DuckDbWriteEngine;

beforeAll(async () => {
  folder = await testFolder();
  engine = newWriteEngine(folder, { threads: 1 });
});

afterAll(async () => {
  await Promise.all([query.close(), engine.close()]);
  await folder.remove();
});

/** What a column has, what it becomes, and values that it took before. */
const CHANGES: readonly (readonly [from: string, to: string, values: readonly unknown[]])[] = [
  ['boolean', 'json', [true, false]],
  ['int', 'json', [0, -2147483648]],
  ['int', 'long', [2147483647]],
  ['int', 'double', [2147483647]],
  ['int', 'decimal(12,2)', [-2147483648]],
  ['long', 'json', [9007199254740991, '9223372036854775807', '-9223372036854775808']],
  ['long', 'decimal(21,2)', ['9223372036854775807']],
  ['float', 'double', [0.5, 'NaN']],
  ['float', 'json', [0.1, 16777216, '-Infinity']],
  ['double', 'json', [0.1, 5, 1e300, 5e-324, 'NaN', 'Infinity', '-Infinity', -1e16]],
  ['decimal(38,2)', 'json', ['12.50', '-999999999999999999999999999999999999.99']],
  ['decimal(4,2)', 'decimal(12,4)', ['-12.34']],
  ['string', 'json', ['', 'a"b\\c\n\u0001', '{"a":1}', '5', 'null', 'é😀']],
  ['uuid', 'string', ['550E8400-e29b-41d4-a716-446655440000']],
  ['uuid', 'json', ['550e8400-e29b-41d4-a716-446655440000']],
  ['binary', 'string', ['', 'AP8=']],
  ['binary', 'json', ['AP8=']],
  ['date', 'string', ['0001-01-01', '9999-12-31']],
  ['date', 'json', ['1969-12-31']],
  ['time', 'string', ['00:00:00', '23:59:59.999999']],
  ['time', 'json', ['12:00:00.5']],
  ['timestamp', 'string', ['0001-01-01T00:00:00', '1969-12-31T23:59:59.999999']],
  ['timestamp', 'json', ['2026-03-01T09:30:00']],
  ['timestamptz', 'string', ['0001-01-01T00:00:00Z', '2026-03-01T09:30:00.000001+02:00', 0]],
  ['timestamptz', 'json', ['9999-12-31T23:59:59.999999Z']],
  ['list<int>', 'list<double>', [[], [1, null, 2]]],
  ['list<date>', 'list<json>', [[], ['2026-03-01', null]]],
  ['list<list<timestamptz>>', 'json', [[], [null, ['2026-03-01T09:30:00Z']]]],
  ['struct<a: int, b: date>', 'struct<a: int, b: string, c: binary>', [{ a: 1 }, { b: '2026-03-01' }]],
  ['struct<a: binary>', 'struct<a: binary, c: binary>', [{ a: 'AP8=' }, {}]],
  [
    'struct<"a b": decimal(9,2), n: list<struct<x: double>>>',
    'json',
    [{ 'a b': '1.50', n: [{ x: 'NaN' }, null, {}] }, {}],
  ],
  ['list<struct<x: int>>', 'list<struct<y: int, x: string>>', [[{ x: 1 }, null, {}]]],
];
const ROWS = Math.max(...CHANGES.map(([, , values]) => values.length)) + 1;
const payloads = Array.from({ length: ROWS }, (_, row) =>
  Object.fromEntries(
    CHANGES.flatMap(([, , values], index) =>
      row < values.length ? [[`c${index}`, structuredClone(values[row])]] : [],
    ),
  ),
);
const fieldsOf = (side: 0 | 1) =>
  CHANGES.map((change, index) => ({ name: `c${index}`, type: parseType(change[side]), nullable: true }));

const before = grownColumns({ columns: [], lastColumnId: 4 }, fieldsOf(0));
// Joined with the type before, as ever: what was named is what comes out.
const after = grownColumns(before, fieldsOf(1));

async function write(name: string, columns: readonly Column[], tokens: number): Promise<string> {
  const validator = new PayloadValidator(before.columns);
  const lines = payloads.map((payload, o) => {
    const p: Record<string, unknown> = structuredClone(payload);
    if (!validator.normalise(p)) throw new Error(JSON.stringify(validator.violations(p, 3)));
    return { b: 1, o, k: `k${o}`, p };
  });
  const bodyFile = join(folder.path, `${name}.zst`);
  await writeBody(bodyFile, lines);
  const output = join(folder.path, `${name}.parquet`);
  await engine.writeParquet({
    inputs: [{ bodyFile, columns: before.columns }],
    batches: [{ batchId: 1, firstToken: tokens, ingestedAt: '2026-01-02T03:04:05Z' }],
    columns,
    sortBy: [],
    output,
    expectedRows: ROWS,
  });
  return output;
}

async function rows(columns: readonly Column[], files: readonly string[]) {
  const names = columns.map(({ name }) => name).join(', ');
  const result = await query.run({
    tenantId: 'acme',
    sql: `SELECT ${names} FROM t ORDER BY _visibility_token`,
    params: [],
    tables: [{ name: 't', columns, files: files.map((path) => ({ path })) }],
    rowLimit: 1000,
    maxBytes: 1_000_000,
    timeoutMs: 30_000,
  });
  expect(result.columns.map(({ type }) => type)).toEqual(columns.map(columnTypeText));
  return result.rows;
}

/** What a value is under the new type that was shown as `value` under the old one. */
function expected(from: string, to: string, value: unknown): unknown {
  if (value === null) return null;
  if (to.startsWith('struct')) return { ...value, c: null };
  if (to.startsWith('list<struct')) {
    return (value as ({ x: number | null } | null)[]).map(
      (item) => item && { y: null, x: item.x === null ? null : String(item.x) },
    );
  }
  return from === 'long' || to.startsWith('decimal') ? Number(value) : value;
}

/** A value as the new type shows it: the value of a json text, the number of a decimal. */
function shownBy(to: string, value: unknown): unknown {
  if (value === null) return null;
  if (to === 'list<json>') return (value as (string | null)[]).map((item) => shownBy('json', item));
  if (to.startsWith('decimal')) return Number(value);
  return to === 'json' ? (JSON.parse(value as string) as unknown) : value;
}

it('shows under a new type what it showed under the old one, from files and events of before', async () => {
  expect(after.columns.map(columnTypeText)).toEqual(
    after.columns.map((column, index) =>
      column.type === 'struct' || column.type === 'list' ? columnTypeText(column) : CHANGES[index]?.[1],
    ),
  );
  const old = await write('old', before.columns, 1000);
  const mapped = await write('mapped', after.columns, 2000);
  const shown = await rows(before.columns, [old]);
  const grown = await rows(after.columns, [old, mapped]);
  expect(grown).toHaveLength(2 * ROWS);
  expect(grown.slice(ROWS)).toEqual(grown.slice(0, ROWS));
  CHANGES.forEach(([from, to], index) => {
    shown.forEach((row, at) => {
      const now = grown[at]?.[index] ?? null;
      const label = `${from} as ${to}`;
      expect([label, shownBy(to, now)]).toEqual([label, expected(from, to, row[index])]);
    });
  });
});

it('keeps every digit of a long in json and in decimals', async () => {
  const old = await write('digits', before.columns, 1000);
  const shown = await rows(after.columns, [old]);
  const indexOf = (from: string, to: string) => CHANGES.findIndex(([a, b]) => a === from && b === to);
  expect(shown.map((row) => row[indexOf('long', 'json')])).toContain('-9223372036854775808');
  expect(shown.map((row) => row[indexOf('long', 'decimal(21,2)')])).toContain('9223372036854775807.00');
  expect(shown.map((row) => row[indexOf('decimal(4,2)', 'decimal(12,4)')])).toContain('-12.3400');
});
