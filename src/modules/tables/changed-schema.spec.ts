import { AppError, type Column } from '../../kernel/index.js';
import { changedSchema, type TableSchema } from './changed-schema.js';
import { readChanges, type ChangeRequest } from './schema-change.js';
import { MAX_COLUMNS } from './table-definition.js';
import type { SchemaViolation } from './tables.errors.js';

const column = (id: number, name: string, type = 'int', more: Partial<Column> = {}): Column => ({
  id,
  name,
  type,
  nullable: true,
  ...more,
});

const ORDERS: TableSchema = {
  tableName: 'orders',
  columns: [
    column(5, 'id', 'long', { nullable: false }),
    column(6, 'count', 'int', { default: 1, doc: 'how many' }),
    column(7, 'price', 'decimal(10,2)'),
    column(8, 'a.b', 'string'),
  ],
  lastColumnId: 9,
};

const change = (...changes: ChangeRequest[]): TableSchema => changedSchema(ORDERS, readChanges(changes));
const namesOf = (schema: TableSchema) => schema.columns.map(({ name }) => name);
const find = (schema: TableSchema, name: string) => schema.columns.find((each) => each.name === name);

describe('changes of a table', () => {
  it('add columns at the end, with ids that no column ever had', () => {
    const added = change(
      { op: 'add_column', column: { name: 'x', type: 'decimal( 5, 1 )', default: '1.5', doc: 'new' } },
      { op: 'drop_column', name: 'x' },
      { op: 'add_column', column: { name: 'x', type: 'date' } },
    );
    expect(added.columns.slice(0, 4)).toEqual(ORDERS.columns);
    expect(added.columns.slice(4)).toEqual([column(11, 'x', 'date')]);
    expect(added.lastColumnId).toBe(11);
  });

  it('keep the field id, and everything else, of what is renamed, widened or moved', () => {
    const changed = change(
      { op: 'rename_column', from: 'count', to: 'Count' },
      { op: 'change_type', name: 'Count', type: 'long' },
      { op: 'move_column', name: 'Count', after: null },
      { op: 'change_type', name: 'price', type: 'decimal(38, 2)' },
    );
    expect(changed.columns[0]).toEqual(column(6, 'Count', 'long', { default: 1, doc: 'how many' }));
    expect(find(changed, 'price')).toEqual(column(7, 'price', 'decimal(38,2)'));
  });

  it('swap names by way of a third', () => {
    const swapped = change(
      { op: 'rename_column', from: 'count', to: 'x' },
      { op: 'rename_column', from: 'id', to: 'count' },
      { op: 'rename_column', from: 'x', to: 'id' },
    );
    expect(swapped.columns.map(({ id, name }) => [id, name])).toEqual([
      [5, 'count'],
      [6, 'id'],
      [7, 'price'],
      [8, 'a.b'],
    ]);
  });

  it('move a column behind another', () => {
    expect(namesOf(change({ op: 'move_column', name: 'id', after: 'price' }))).toEqual([
      'count',
      'price',
      'id',
      'a.b',
    ]);
    expect(namesOf(change({ op: 'move_column', name: 'a.b', after: 'price' }))).toEqual(namesOf(ORDERS));
  });

  it('set and take away defaults and docs', () => {
    const changed = change(
      { op: 'set_default', name: 'price', default: '0.50' },
      { op: 'set_default', name: 'count', default: null },
      { op: 'set_doc', name: 'price', doc: 'net' },
      { op: 'set_doc', name: 'count', doc: null },
    );
    expect(find(changed, 'price')).toEqual(
      column(7, 'price', 'decimal(10,2)', { default: '0.50', doc: 'net' }),
    );
    expect(find(changed, 'count')).toEqual(column(6, 'count'));
  });

  it('let null in, and say so twice', () => {
    const changed = change(
      { op: 'set_nullable', name: 'id', nullable: true },
      { op: 'set_nullable', name: 'id', nullable: true },
    );
    expect(find(changed, 'id')?.nullable).toBe(true);
  });

  it('name the table', () => {
    expect(change({ op: 'rename_table', to: 'sales' })).toEqual({ ...ORDERS, tableName: 'sales' });
  });

  it('leave what they are given as it was', () => {
    const before = structuredClone(ORDERS);
    change({ op: 'drop_column', name: 'id' }, { op: 'move_column', name: 'price', after: null });
    expect(ORDERS).toEqual(before);
  });

  const add = (name: string, more: object = {}): ChangeRequest => ({
    op: 'add_column',
    column: { name, type: 'int', ...more },
  });
  it.each<[string, ChangeRequest, string, RegExp]>([
    ['an unknown op', { op: 'explode' }, '.op', /must be one of add_column, drop_column/],
    ['an inherited op', { op: 'toString' }, '.op', /must be one of/],
    ['a missing field', { op: 'drop_column' }, '.name', /is required by drop_column/],
    ['null for a name', { op: 'drop_column', name: null }, '.name', /is required/],
    ['no default', { op: 'set_default', name: 'id' }, '.default', /null takes the default away/],
    ['no place', { op: 'move_column', name: 'id' }, '.after', /null puts the column first/],
    ['a field too many', { op: 'drop_column', name: 'id', to: 'x' }, '.to', /drop_column does not take it/],
    ['a reserved name', { op: 'rename_column', from: 'id', to: '_id' }, '.to', /reserved/],
    ['a name of 300 characters', { op: 'rename_column', from: 'id', to: 'x'.repeat(300) }, '.to', /128/],
    ['a new column with a bad name', add('_x'), '.column.name', /reserved/],
    ['a new column without a type', add('x', { type: 'text' }), '.column.type', /expected one of boolean/],
    ['a default of another type', add('x', { default: 'one' }), '.column.default', /an integer/],
    ['no such type', { op: 'change_type', name: 'id', type: 'bigint' }, '.type', /expected one of/],
    ['a doc with NUL', { op: 'set_doc', name: 'id', doc: '\0' }, '.doc', /NUL/],
    ['a table name', { op: 'rename_table', to: 'Orders' }, '.to', /must match/],
    ['a column that is not there', { op: 'drop_column', name: 'x' }, '.name', /no column "x".* id, count/],
    ['another case', { op: 'drop_column', name: 'ID' }, '.name', /did you mean "id"\?/],
    ['a name that is taken', add('COUNT'), '.column.name', /there is a column "count"/],
    ['a new name that is taken', { op: 'rename_column', from: 'id', to: 'Price' }, '.to', /a column "price"/],
    ['a move behind nothing', { op: 'move_column', name: 'id', after: 'x' }, '.after', /no column "x"/],
    ['a move behind itself', { op: 'move_column', name: 'id', after: 'id' }, '.after', /another column/],
    ['a default that does not fit', { op: 'set_default', name: 'price', default: 'x' }, '.default', /digits/],
    ['a rounded default', { op: 'set_default', name: 'id', default: 2 ** 60 }, '.default', /2\^53/],
  ])('are refused with %s', (_, request, path, message) => {
    expect(faultOf(() => change({ op: 'set_doc', name: 'id', doc: 'ok' }, request))).toMatchObject({
      code: 'REQUEST_INVALID',
      violations: [{ path: `$.changes[1]${path}`, message: expect.stringMatching(message) as string }],
    });
  });

  it.each<[string, ChangeRequest, Partial<SchemaViolation>]>([
    [
      'a narrower type',
      { op: 'change_type', name: 'id', type: 'int' },
      { column: 'id', rule: 'type_not_wider', path: '$.changes[0].type', allowed: [] },
    ],
    [
      'another scale',
      { op: 'change_type', name: 'price', type: 'decimal(12,4)' },
      { column: 'price', rule: 'type_not_wider', allowed: ['decimal(p,2) with 11 <= p <= 38'] },
    ],
    [
      'a new column that is required',
      add('x', { nullable: false, default: 1 }),
      { column: 'x', rule: 'new_column_required', allowed: ['nullable: true'] },
    ],
    [
      'null taken away',
      { op: 'set_nullable', name: 'count', nullable: false },
      { column: 'count', rule: 'nulls_may_be_stored' },
    ],
  ])('are refused by the rows that are stored: %s', (_, request, violation) => {
    expect(faultOf(() => change(request))).toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      violations: [violation],
    });
  });

  it('name every change whose form is wrong', () => {
    const fault = faultOf(() => change({ op: 'x' }, { op: 'drop_column' }, { op: 'rename_table', to: '' }));
    expect(fault.violations.map(({ path }) => path)).toEqual([
      '$.changes[0].op',
      '$.changes[1].name',
      '$.changes[2].to',
    ]);
  });

  it('leave at least one column, and no more than a table may have', () => {
    const drops = ORDERS.columns.map(({ name }) => ({ op: 'drop_column', name }));
    expect(faultOf(() => change(...drops))).toMatchObject({
      code: 'REQUEST_INVALID',
      violations: [{ path: '$.changes[3].name' }],
    });
    const adds = Array.from({ length: MAX_COLUMNS - 3 }, (_, i) => add(`new ${i}`));
    expect(faultOf(() => change(...adds))).toMatchObject({
      violations: [
        {
          path: `$.changes[${MAX_COLUMNS - 4}].column`,
          message: expect.stringContaining(String(MAX_COLUMNS)) as string,
        },
      ],
    });
    expect(change(...adds.slice(1)).columns).toHaveLength(MAX_COLUMNS);
    const wide = Array.from({ length: MAX_COLUMNS - 4 }, (_, i) => `f${i}: int`).join(', ');
    expect(faultOf(() => change(add('x', { type: `struct<${wide}>` })))).toMatchObject({
      violations: [
        { path: '$.changes[0].column', message: expect.stringContaining('it would have 501') as string },
      ],
    });
  });

  it('give each part of a nested column an id of its own, and none twice', () => {
    const type = 'list< struct<city:string, tags: list<int not null>> >';
    const added = change(add('a', { type }), { op: 'drop_column', name: 'a' }, add('b', { type }), add('c'));
    const tags = column(18, 'tags', 'list', {
      fields: [column(19, 'element', 'int', { nullable: false })],
    });
    expect(added.columns.slice(4)).toEqual([
      column(15, 'b', 'list', {
        fields: [column(16, 'element', 'struct', { fields: [column(17, 'city', 'string'), tags] })],
      }),
      column(20, 'c'),
    ]);
    expect(added.lastColumnId).toBe(20);
  });

  it('check the default of a nested column, and keep its type', () => {
    const pair = add('pair', { type: 'struct<a: int not null, b: long>' });
    expect(
      find(change(pair, { op: 'set_default', name: 'pair', default: { a: 1 } }), 'pair')?.default,
    ).toEqual({ a: 1 });
    expect(faultOf(() => change(pair, { op: 'set_default', name: 'pair', default: { b: 1 } }))).toMatchObject(
      {
        code: 'REQUEST_INVALID',
        violations: [{ path: '$.changes[1].default', message: expect.stringMatching(/an object/) as string }],
      },
    );
    const same = { op: 'change_type', name: 'pair', type: 'struct<a:int not null,b:long>' };
    expect(change(pair, same)).toEqual(change(pair));
    expect(faultOf(() => change(pair, { ...same, type: 'struct<a: long>' }))).toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      violations: [{ column: 'pair', rule: 'type_not_wider', allowed: [] }],
    });
  });

  it('do not reach into nested columns yet, and say so', () => {
    const nested: TableSchema = { ...ORDERS, columns: [column(5, 'address', 'struct'), column(6, 'id')] };
    for (const request of [
      { op: 'drop_column', name: 'address.city' },
      add('address.zip'),
      { op: 'rename_column', from: 'address.city', to: 'town' },
    ]) {
      const fault = faultOf(() => changedSchema(nested, readChanges([request])));
      expect(fault.violations[0]?.message).toMatch(/nested columns are not supported yet/);
    }
    expect(namesOf(change({ op: 'drop_column', name: 'a.b' }))).toEqual(['id', 'count', 'price']);
  });
});

function faultOf(work: () => unknown): { code: string; violations: SchemaViolation[] } {
  try {
    work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.code, violations: error.context.violations as SchemaViolation[] };
  }
  throw new Error('it was not refused');
}
