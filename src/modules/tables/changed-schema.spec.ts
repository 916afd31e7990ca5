import { AppError, columnTypeText, type Column } from '../../kernel/index.js';
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
      { column: 'id', rule: 'type_not_wider', path: '$.changes[0].type', allowed: ['long'] },
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
      violations: [
        { column: 'pair', rule: 'type_not_wider', allowed: ['changes of its parts: pair.a, pair.b'] },
      ],
    });
  });

  const LINES: TableSchema = {
    ...ORDERS,
    columns: [
      column(5, 'id'),
      column(6, 'address', 'struct', {
        default: { city: 'Bern' },
        fields: [column(7, 'city', 'string'), column(8, 'odd name', 'int'), column(9, 'n', 'float')],
      }),
      column(10, 'lines', 'list', {
        fields: [
          column(11, 'element', 'struct', {
            fields: [column(12, 'sku', 'string'), column(13, 'price', 'decimal(5,2)')],
          }),
        ],
      }),
      column(14, 'tags', 'list', { fields: [column(15, 'element', 'int', { nullable: false })] }),
    ],
    lastColumnId: 20,
  };
  const changeLines = (...changes: ChangeRequest[]): TableSchema =>
    changedSchema(LINES, readChanges(changes));
  const textOf = (schema: TableSchema, name: string) => {
    const found = find(schema, name);
    return found && columnTypeText(found);
  };

  it('reach parts of nested columns by their paths', () => {
    const changed = changeLines(
      { op: 'set_default', name: 'address', default: null },
      add('address.zip', { type: 'list<string>', doc: 'postal' }),
      { op: 'rename_column', from: 'address.city', to: '_town' },
      { op: 'rename_column', from: 'address._town', to: 'a.b' },
      { op: 'drop_column', name: 'address."odd name"' },
      { op: 'change_type', name: 'address.n', type: 'double' },
      { op: 'set_default', name: 'address.n', default: 1.5 },
      { op: 'move_column', name: 'address.zip', after: null },
      { op: 'move_column', name: 'address.n', after: 'address.zip' },
      { op: 'set_doc', name: 'address.a.b', doc: 'was city' },
      { op: 'change_type', name: 'lines.element.price', type: 'decimal(9,2)' },
      add('lines.element."c d"', { default: 3 }),
      { op: 'change_type', name: 'tags.element', type: 'long' },
      { op: 'set_nullable', name: 'tags.element', nullable: true },
      { op: 'set_doc', name: 'tags.element', doc: 'one' },
    );
    expect(textOf(changed, 'address')).toBe(
      'struct<zip: list<string> comment "postal", n: double default 1.5, "a.b": string comment "was city">',
    );
    expect(textOf(changed, 'lines')).toBe(
      'list<struct<sku: string, price: decimal(9,2), "c d": int default 3>>',
    );
    expect(textOf(changed, 'tags')).toBe('list<long comment "one">');
    expect(find(changed, 'address')?.fields?.map(({ id }) => id)).toEqual([21, 9, 7]);
    expect(find(changed, 'lines')?.fields?.[0]?.fields?.map(({ id }) => id)).toEqual([12, 13, 23]);
    expect(changed.lastColumnId).toBe(23);
  });

  it('never give a part the id of one that was dropped', () => {
    const changed = changeLines({ op: 'drop_column', name: 'lines.element.sku' }, add('lines.element.sku'));
    expect(find(changed, 'lines')?.fields?.[0]?.fields?.map(({ id, name }) => [id, name])).toEqual([
      [13, 'price'],
      [21, 'sku'],
    ]);
  });

  it.each<[string, ChangeRequest, string, RegExp]>([
    [
      'a part that is not there',
      { op: 'drop_column', name: 'address.zip' },
      '.name',
      /no "zip" in "address"; it has city/,
    ],
    ['a part in another case', { op: 'drop_column', name: 'address.City' }, '.name', /did you mean "city"\?/],
    ['a part that is there', add('address.CITY'), '.column.name', /there is a column "city"/],
    ['a part without a name', add('address.'), '.column.name', /1 to 128/],
    ['a reserved part', add('address.__proto__'), '.column.name', /reserved/],
    ['a part of a list', add('lines.sku2'), '.column.name', /fields of its elements are "lines.element.…"/],
    ['the last field', { op: 'drop_column', name: 'address.city' }, '.name', /is the last field/],
    ['the element dropped', { op: 'drop_column', name: 'tags.element' }, '.name', /element of a list/],
    [
      'the element renamed',
      { op: 'rename_column', from: 'tags.element', to: 'x' },
      '.from',
      /element of a list/,
    ],
    [
      'a default of an element',
      { op: 'set_default', name: 'tags.element', default: 1 },
      '.default',
      /must not have a default/,
    ],
    [
      'a default of another type',
      { op: 'set_default', name: 'lines.element.price', default: 'x' },
      '.default',
      /digits/,
    ],
    [
      'a nested default',
      add('address.x', { type: 'list<int>', default: [1] }),
      '.column.default',
      /must not have a default/,
    ],
    [
      'a move to another struct',
      { op: 'move_column', name: 'lines.element.sku', after: 'id' },
      '.after',
      /same struct/,
    ],
    [
      'too deep a part',
      add('lines.element.x', { type: `${'list<'.repeat(15)}int${'>'.repeat(15)}` }),
      '.column.type',
      /16 deep/,
    ],
    [
      'a part that the default of the whole has',
      { op: 'rename_column', from: 'address.city', to: 'x' },
      '',
      /default of "address" would not fit/,
    ],
  ])('are refused with %s', (_, request, path, message) => {
    const before =
      path === '.name' && message.source.includes('last')
        ? [
            { op: 'set_default', name: 'address', default: null },
            { op: 'drop_column', name: 'address.n' },
            { op: 'drop_column', name: 'address.odd name' },
          ]
        : [];
    expect(faultOf(() => changeLines(...before, request))).toMatchObject({
      code: 'REQUEST_INVALID',
      violations: [
        { path: `$.changes[${before.length}]${path}`, message: expect.stringMatching(message) as string },
      ],
    });
  });

  it.each<[string, ChangeRequest, Partial<SchemaViolation>]>([
    [
      'a narrower part',
      { op: 'change_type', name: 'lines.element.price', type: 'decimal(4,2)' },
      { column: 'lines.element.price', rule: 'type_not_wider', allowed: ['decimal(p,2) with 6 <= p <= 38'] },
    ],
    [
      'another struct',
      { op: 'change_type', name: 'address', type: 'struct<city: string>' },
      {
        column: 'address',
        rule: 'type_not_wider',
        message: expect.stringContaining('by their paths') as string,
      },
    ],
    [
      'a new part that is required',
      add('address.x', { nullable: false, default: 1 }),
      { column: 'address.x', rule: 'new_column_required' },
    ],
    [
      'null taken from a part',
      { op: 'set_nullable', name: 'address."odd name"', nullable: false },
      { column: 'address."odd name"', rule: 'nulls_may_be_stored' },
    ],
  ])('are refused by the rows that are stored: %s', (_, request, violation) => {
    expect(faultOf(() => changeLines(request))).toMatchObject({
      code: 'SCHEMA_INCOMPATIBLE',
      violations: [violation],
    });
  });

  it('tell a plain name with points from a path', () => {
    expect(namesOf(change({ op: 'drop_column', name: 'a.b' }))).toEqual(['id', 'count', 'price']);
    expect(namesOf(change(add('id.x')))).toContain('id.x');
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
