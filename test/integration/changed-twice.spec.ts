import { columnTypeText, parseType, type Column } from '../../src/kernel/index.js';
import { needsLayout } from '../../src/modules/engine/index.js';
import { grownColumns } from '../../src/modules/tables/inference/grown-columns.js';
import { newQueryEngine } from '../support/engine.js';
import { openWriteStage, type WriteStage } from '../support/write-stage.js';

const query = newQueryEngine({ concurrency: 1, threads: 1 });
let stage: WriteStage;

beforeAll(async () => {
  stage = await openWriteStage();
});

afterAll(async () => {
  await Promise.all([query.close(), stage.close()]);
});

const column = (id: number, type: string, name = 'c'): Column => ({ id, name, type, nullable: true });
const struct = (...fields: Column[]): Column => ({ ...column(5, 'struct'), fields });
const list = (...fields: Column[]): Column => ({
  ...column(5, 'list'),
  fields: [{ ...column(6, 'struct', 'element'), fields }],
});
/** What events make of the column, with field ids from a number on. */
function learnt(before: Column, type: string, lastColumnId: number): Column {
  const needed = { name: 'c', type: parseType(type), nullable: true };
  const [after] = grownColumns({ columns: [before], lastColumnId }, [needed]).columns;
  if (after === undefined) throw new Error('a column stays');
  return after;
}

/** A column, then what it becomes, one after the other; and values that the first takes. */
const CASES: readonly {
  readonly name: string;
  readonly versions: readonly (Column | string)[];
  readonly values: readonly unknown[];
}[] = [
  {
    name: 'a field that was renamed',
    versions: [
      struct(column(7, 'double', 'k'), column(8, 'string', 'l')),
      struct(column(7, 'double', 'k'), column(8, 'string', 's')),
      'list<double>',
    ],
    values: [{ k: 2.5, l: 'a' }, { k: null, l: null }, null],
  },
  {
    name: 'two fields that changed names',
    versions: [
      struct(column(7, 'int', 'a'), column(8, 'int', 'b')),
      struct(column(7, 'int', 'b'), column(8, 'int', 'a')),
      'string',
    ],
    values: [{ a: 1, b: 2 }],
  },
  {
    name: 'a field that was dropped, and another of its name',
    versions: [
      struct(column(7, 'int', 'a'), column(8, 'string', 'b')),
      struct(column(7, 'int', 'a')),
      struct(column(7, 'int', 'a'), column(9, 'string', 'b')),
      'boolean',
    ],
    values: [{ a: 1, b: 'gone' }],
  },
  {
    name: 'fields in a list',
    versions: [
      list(column(7, 'int', 'a'), column(8, 'string', 'b')),
      list(column(7, 'int', 'A'), column(9, 'date', 'b')),
      'list<struct<b: string>>',
      'list<struct<b: boolean>>',
      'string',
    ],
    values: [[{ a: 1, b: 'gone' }, null, { a: null }], [], null],
  },
  {
    name: 'a float that became a double',
    versions: [column(5, 'float'), column(5, 'double'), 'boolean'],
    values: [0.1, 16777216],
  },
  {
    name: 'an int that became a decimal',
    versions: [column(5, 'int'), 'decimal(12,2)', 'string'],
    values: [3],
  },
  {
    name: 'a date that became a text',
    versions: [column(5, 'date'), 'uuid', 'int'],
    values: ['2026-03-01'],
  },
];

const versionsOf = ([first, ...later]: readonly (Column | string)[]): Column[] =>
  later.reduce<Column[]>(
    (all, next, at) => [
      ...all,
      typeof next === 'string' ? learnt(all.at(-1) as Column, next, 10 * (at + 1)) : next,
    ],
    [first as Column],
  );

let written = 0;

/** Values of the first version in a file of another one. */
async function write(values: readonly unknown[], from: Column, to: Column): Promise<string> {
  written += 1;
  const payloads = values.map((c) => ({ c }));
  const job = await stage.jobOf(String(written), [from], payloads);
  await stage.engine.writeParquet({ ...job, columns: [to] });
  return job.output;
}

async function shown(path: string, file: Column, table: Column): Promise<unknown[]> {
  const layouts = needsLayout([file], [table]) ? [[file]] : [];
  const { rows, columns } = await query.run({
    tenantId: 'acme',
    sql: 'SELECT c FROM t ORDER BY _visibility_token',
    params: [],
    tables: [
      { name: 't', columns: [table], files: [{ path, ...(layouts.length > 0 && { layout: 0 }) }], layouts },
    ],
    rowLimit: 1000,
    maxBytes: 1_000_000,
    timeoutMs: 30_000,
  });
  expect(columns.map(({ type }) => type)).toEqual([columnTypeText(table)]);
  return rows.map(([value]) => value);
}

const parsed = (value: unknown): unknown =>
  value === null ? null : (JSON.parse(value as string) as unknown);

describe.each(CASES)('rows from before $name', ({ versions, values }) => {
  it('show what they showed before the last change, from files and events of before', async () => {
    const columns = versionsOf(versions);
    const [first, before, last] = [columns[0], columns.at(-2), columns.at(-1)] as [Column, Column, Column];
    expect(last.type).toBe('json');
    const due = await shown(await write(values, first, before), before, before);
    for (const at of columns) {
      const now = await shown(await write(values, first, at), at, last);
      expect(now.map(parsed)).toEqual(due);
    }
  });
});
