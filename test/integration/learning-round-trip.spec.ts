import { join } from 'node:path';
import fc from 'fast-check';
import { columnType, typedField, type Column, type ColumnType } from '../../src/kernel/index.js';
import type { DuckDbWriteEngine } from '../../src/modules/engine/write-engine.duckdb.js';
import { FieldNeeds, PayloadValidator } from '../../src/modules/tables/index.js';
import { grownColumns, type Growing } from '../../src/modules/tables/inference/grown-columns.js';
import {
  newQueryEngine,
  newWriteEngine,
  testFolder,
  writeBody,
  type BodyLine,
  type TestFolder,
} from '../support/engine.js';

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

/** Not minus zero, and no long beyond 2^53. */
const isShownAsNumber = (value: number): boolean =>
  !Object.is(value, -0) &&
  (!Number.isInteger(value) || Number.isSafeInteger(value) || Math.abs(value) > 1e19);

// Values that every type which takes them shows as they were sent.
const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, 1, 2_147_483_648, 9_007_199_254_740_991, 0.5, 1e300, 5e-324),
  fc.constantFrom<unknown>(
    '',
    'a',
    '2026-03-01',
    '550e8400-e29b-41d4-a716-446655440000',
    'a"b\n',
    '{}',
    '😀',
  ),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter(isShownAsNumber),
);
const name = fc.constantFrom('a', 'b', "it's", 'x "y"');
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const payload = fc.dictionary(name, anyValue, { maxKeys: 3, noNullPrototype: true });
type Payload = Record<string, unknown>;

interface Step {
  readonly payloads: readonly Payload[];
  /** Committed with the next one, in a file of that one's schema. */
  readonly waits: boolean;
}
const step: fc.Arbitrary<Step> = fc.record({
  payloads: fc.array(payload, { minLength: 1, maxLength: 3 }),
  waits: fc.boolean(),
});

/** As ingest does it, with no database. */
function learn(start: Growing, payloads: readonly Payload[]): Growing {
  let grown = start;
  for (;;) {
    const needs = new FieldNeeds(grown.columns.map(typedField));
    payloads.forEach((each, index) => needs.observe(each, index));
    const needed = needs.result({ forGood: false });
    if (needed.length === 0) return grown;
    grown = grownColumns(grown, needed);
  }
}

function accept(columns: readonly Column[], payloads: readonly Payload[], batchId: number): BodyLine[] {
  const validator = new PayloadValidator(columns, { dropsUnknownNulls: true });
  return payloads.map((each, o) => {
    const p = structuredClone(each);
    if (!validator.normalise(p)) throw new Error(JSON.stringify(validator.violations(p, 1)));
    return { b: batchId, o, k: `k${o}`, p };
  });
}

/** What was sent, as a column of the type shows it; null where it was absent. */
function shown(type: ColumnType, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (type.kind === 'list') return (value as unknown[]).map((item) => shown(type.element.type, item));
  if (type.kind !== 'struct') return type.kind === 'json' ? bare(value) : value;
  const object = value as Payload;
  return Object.fromEntries(
    type.fields.map((field) => [
      field.name,
      shown(field.type, Object.hasOwn(object, field.name) ? object[field.name] : null),
    ]),
  );
}

/** The value of a json text, told apart from strings. A field of an object that is null may be left out. */
function bare(value: unknown): unknown {
  return { json: withoutNulls(value) };
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])),
  );
}

/** A value of a result, its json texts parsed. */
function read(type: ColumnType, value: unknown): unknown {
  if (value === null) return null;
  if (type.kind === 'json') return bare(JSON.parse(value as string));
  if (type.kind === 'list') return (value as unknown[]).map((item) => read(type.element.type, item));
  if (type.kind !== 'struct') return value;
  return Object.fromEntries(
    type.fields.map((field) => [field.name, read(field.type, (value as Payload)[field.name] ?? null)]),
  );
}

let runs = 0;

async function showAll(steps: readonly Step[]): Promise<void> {
  let grown: Growing = { columns: [], lastColumnId: 4 };
  const files: string[] = [];
  const sent: Payload[] = [];
  let waiting: { columns: readonly Column[]; lines: BodyLine[]; firstToken: number }[] = [];
  runs += 1;
  for (const [index, { payloads, waits }] of steps.entries()) {
    grown = learn(grown, payloads);
    const { columns } = grown;
    waiting.push({ columns, lines: accept(columns, payloads, index), firstToken: sent.length });
    sent.push(...payloads);
    if (waits && index < steps.length - 1) continue;
    const inputs = await Promise.all(
      waiting.map(async (part, at) => {
        const bodyFile = join(folder.path, `${runs}-${index}-${at}.zst`);
        await writeBody(bodyFile, part.lines);
        return { bodyFile, columns: part.columns };
      }),
    );
    const output = join(folder.path, `${runs}-${index}.parquet`);
    await engine.writeParquet({
      inputs,
      batches: waiting.map(({ lines, firstToken }) => ({
        batchId: lines[0]?.b ?? 0,
        firstToken,
        ingestedAt: '2026-01-02T03:04:05Z',
      })),
      columns,
      sortBy: [],
      output,
    });
    files.push(output);
    waiting = [];
  }
  const { columns } = grown;
  if (columns.length === 0) return;
  const result = await query.run({
    tenantId: 'acme',
    sql: 'SELECT * EXCLUDE (_event_time, _ingested_at, _idempotency_key, _visibility_token) FROM t ORDER BY _visibility_token',
    params: [],
    tables: [{ name: 't', columns, files: files.map((path) => ({ path })) }],
    rowLimit: 1000,
    maxBytes: 1_000_000,
    timeoutMs: 30_000,
  });
  const types = columns.map(columnType);
  expect(result.rows.map((row) => row.map((value, at) => read(types[at] as ColumnType, value)))).toEqual(
    sent.map((each) => columns.map((column, at) => shown(types[at] as ColumnType, each[column.name]))),
  );
}

it('shows every event of a table that evolves as it was sent, whatever came after it', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), showAll), {
    numRuns: Number(process.env.TIDEMARK_TEST_LEARNING_RUNS ?? 30),
  });
});
