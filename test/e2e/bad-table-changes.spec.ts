import {
  add,
  among,
  change,
  create,
  incompatible,
  ORDERS,
  patch,
  refusedAs,
  retype,
  says,
  testRefusals,
} from '../support/table-refusals.js';

/** Types, keys, defaults, layouts and versions that cannot be. */

const COLUMNS = ORDERS.schema.columns.map(({ name }) => name);
const CREATED = '$.schema.columns[0]';
const id = { name: 'id', type: 'int' };

testRefusals({
  'a column that is none': [
    [
      'without a type',
      create([{ name: 'a' }]),
      refusedAs({ path: `${CREATED}.type`, column: 'a', allowed: among('long', 'list<T>') }),
    ],
    [
      'new, without a type',
      change({ op: 'add_column', column: { name: 'a' } }),
      refusedAs({ path: '$.changes[0].column.type', column: 'a', allowed: among('long', 'list<T>') }),
    ],
    [
      'without a name',
      create([{ type: 'int' }]),
      refusedAs({ path: `${CREATED}.name`, allowed: [says('1 to 128 characters')] }),
    ],
    [
      'with a long name and no type',
      create([{ name: 'n'.repeat(300) }]),
      refusedAs({ path: `${CREATED}.type`, column: 'n'.repeat(128) }),
    ],
    [
      'with a field that columns do not have',
      create([{ name: 'a', typ: 'int' }]),
      refusedAs({ path: `${CREATED}.typ`, column: 'a' }),
    ],
    [
      'that is perhaps nullable',
      create([{ name: 'a', type: 'int', nullable: 'perhaps' }]),
      refusedAs({ path: `${CREATED}.nullable`, column: 'a', allowed: ['true', 'false'] }),
    ],
    [
      'with a number for a doc',
      create([{ name: 'a', type: 'int', doc: 5 }]),
      refusedAs({ path: `${CREATED}.doc`, column: 'a', allowed: [says('1000 characters')] }),
    ],
    [
      'old, that becomes perhaps nullable',
      change({ op: 'set_nullable', name: 'note', nullable: 'perhaps' }),
      refusedAs({ path: '$.changes[0].nullable', column: 'note', allowed: ['true', 'false'] }),
    ],
    [
      'old, that gets no type',
      change({ op: 'change_type', name: 'note' }),
      refusedAs({ path: '$.changes[0].type', column: 'note' }),
    ],
    [
      'old, that is changed in no known way',
      change({ op: 'retype', name: 'note' }),
      refusedAs({ path: '$.changes[0].op', column: 'note', allowed: among('change_type') }),
    ],
    [
      'in a partition without a transform',
      patch({ partition_spec: [{ column: 'at' }] }),
      refusedAs({ path: '$.partition_spec[0].transform', column: 'at' }),
    ],
    [
      'in an order that goes no way',
      patch({ sort_order: [{ column: 'count', direction: 'up' }] }),
      refusedAs({ path: '$.sort_order[0].direction', column: 'count', allowed: ['asc', 'desc'] }),
    ],
  ],
  'a type that does not exist': [
    [
      'of a column',
      create([{ name: 'a', type: 'money' }]),
      refusedAs({ path: `${CREATED}.type`, column: 'a', allowed: among('long', 'decimal(p,s)', 'list<T>') }),
    ],
    [
      'of a new column',
      add('a', 'varchar'),
      refusedAs({ path: '$.changes[0].column.type', column: 'a', allowed: among('string') }),
    ],
    [
      'for an old column',
      retype('count', 'bigint'),
      refusedAs({ path: '$.changes[0].type', column: 'count', allowed: among('long') }),
    ],
    [
      'a decimal of 39 digits',
      create([{ name: 'a', type: 'decimal(39,2)' }]),
      refusedAs({ column: 'a', message: says('a number from 1 to 38') }),
    ],
  ],
  'a column of the key': [
    [
      'that is dropped',
      change({ op: 'drop_column', name: 'id' }),
      incompatible({
        path: '$.changes[0].name',
        column: 'id',
        rule: 'key_column_dropped',
        allowed: among('rename_column'),
      }),
    ],
    [
      'that is made nullable',
      change({ op: 'set_nullable', name: 'id', nullable: true }),
      incompatible({ column: 'id', rule: 'key_column_nullable', allowed: ['nullable: false'] }),
    ],
    [
      'that there is not',
      create([id, { name: 'f', type: 'float' }], { primary_key_cols: ['no'] }),
      refusedAs({ path: '$.primary_key_cols[0]', column: 'no', allowed: ['id'] }),
    ],
    [
      'of a type that no key has',
      create([id, { name: 'f', type: 'float' }], { primary_key_cols: ['f'] }),
      refusedAs({ path: '$.primary_key_cols[0]', column: 'f', allowed: among('long', 'string') }),
    ],
    [
      'that is nullable',
      create([{ ...id, nullable: true }], { primary_key_cols: ['id'] }),
      refusedAs({ column: 'id', allowed: ['nullable: false'] }),
    ],
  ],
  'a narrowing': [
    [
      'of a long',
      retype('count', 'int'),
      incompatible({ path: '$.changes[0].type', column: 'count', rule: 'type_not_wider', allowed: ['long'] }),
    ],
    ['of a double', retype('ratio', 'float'), incompatible({ column: 'ratio', allowed: ['double'] })],
    [
      'of a decimal',
      retype('price', 'decimal(9,2)'),
      incompatible({ column: 'price', allowed: ['decimal(p,2) with 11 <= p <= 38'] }),
    ],
    ['of a text', retype('note', 'uuid'), incompatible({ column: 'note', allowed: ['string'] })],
    [
      'of a struct',
      retype('address', 'struct<zip: string>'),
      incompatible({ column: 'address', allowed: ['changes of its parts: address.zip, address.city'] }),
    ],
    [
      'of a field',
      retype('address.zip', 'int'),
      incompatible({ column: 'address.zip', allowed: ['string'] }),
    ],
    [
      'to no null',
      change({ op: 'set_nullable', name: 'note', nullable: false }),
      incompatible({ column: 'note', rule: 'nulls_may_be_stored', allowed: ['nullable: true'] }),
    ],
    [
      'by a new column that is required',
      add('more', 'int', { nullable: false }),
      incompatible({ column: 'more', rule: 'new_column_required', allowed: ['nullable: true'] }),
    ],
    [
      'by a mode',
      patch({ compatibility_mode: 'full', changes: [{ op: 'rename_column', from: 'note', to: 'text' }] }),
      incompatible({ column: 'note', rule: 'column_renamed', allowed: ['compatibility_mode: none'] }),
    ],
  ],
  'a default of the wrong type': [
    [
      'of a column',
      create([{ name: 'a', type: 'int', default: 'one' }]),
      refusedAs({
        path: `${CREATED}.default`,
        column: 'a',
        allowed: [says('an integer from -2147483648')],
      }),
    ],
    [
      'of a new column',
      add('a', 'date', { default: 'today' }),
      refusedAs({ path: '$.changes[0].column.default', column: 'a', allowed: [says('YYYY-MM-DD')] }),
    ],
    [
      'with an integer in json that is read inexactly',
      create([{ name: 'a', type: 'json', default: { n: 2 ** 53 } }]),
      refusedAs({
        path: `${CREATED}.default`,
        column: 'a',
        message: says('beyond 2^53: write it as a string'),
        allowed: [says('integers from 2^53 to 2^64 as strings')],
      }),
    ],
    [
      'with another, for an old column',
      change(
        { op: 'add_column', column: { name: 'a', type: 'json' } },
        { op: 'set_default', name: 'a', default: [2 ** 64] },
      ),
      refusedAs({
        path: '$.changes[1].default',
        column: 'a',
        allowed: [says('integers from 2^53 to 2^64 as strings')],
      }),
    ],
    [
      'for an old column',
      change({ op: 'set_default', name: 'price', default: 0.005 }),
      refusedAs({
        path: '$.changes[0].default',
        column: 'price',
        allowed: [says('8 digits before the point and 2 after it')],
      }),
    ],
    [
      'of a field',
      change({ op: 'set_default', name: 'address.city', default: 5 }),
      refusedAs({ column: 'address.city', allowed: ['a string'] }),
    ],
  ],
  'a layout over a column that there is not': [
    [
      'as partition',
      create([id], { partition_spec: [{ column: 'day', transform: 'identity' }] }),
      refusedAs({
        path: '$.partition_spec[0].column',
        column: 'day',
        allowed: ['id', '_event_time', '_ingested_at'],
      }),
    ],
    [
      'as another partition',
      patch({ partition_spec: [{ column: 'At', transform: 'day' }] }),
      refusedAs({ column: 'At', allowed: [...COLUMNS, '_event_time', '_ingested_at'] }),
    ],
    [
      'as order',
      create([id], { sort_order: [{ column: 'day' }] }),
      refusedAs({
        path: '$.sort_order[0].column',
        column: 'day',
        allowed: ['id', '_event_time', '_ingested_at'],
      }),
    ],
    [
      'that goes in the same call',
      patch({ changes: [{ op: 'drop_column', name: 'note' }], sort_order: [{ column: 'note' }] }),
      refusedAs({ column: 'note' }),
    ],
    [
      'that is dropped',
      change({ op: 'drop_column', name: 'at' }),
      incompatible({
        column: 'at',
        rule: 'partition_source',
        allowed: [says('a partition_spec without it')],
      }),
    ],
    [
      'by a transform that its type has not',
      patch({ partition_spec: [{ column: 'note', transform: 'day' }] }),
      refusedAs({
        path: '$.partition_spec[0].transform',
        column: 'note',
        allowed: among('identity', 'truncate(n) with n from 1 to 64'),
      }),
    ],
    [
      'in an order that its type has not',
      patch({ sort_order: [{ column: 'address' }] }),
      refusedAs({ column: 'address', allowed: [...COLUMNS.slice(0, -1), '_event_time', '_ingested_at'] }),
    ],
  ],
  'a schema version': [
    [
      'that is not there',
      ({ tableAdmin }) => tableAdmin.get('/v1/tables/orders/schemas/7'),
      {
        status: 404,
        code: 'NOT_FOUND',
        context: { table: 'orders', schema_version: 7, latest_schema_version: 1 },
      },
    ],
    [
      'that a change was made for',
      ({ tableAdmin }) =>
        tableAdmin.patch(
          '/v1/tables/orders',
          { changes: [{ op: 'drop_column', name: 'note' }] },
          { 'If-Match': '"7"' },
        ),
      {
        status: 409,
        code: 'SCHEMA_VERSION_CONFLICT',
        context: { table: 'orders', schema_version: 1, if_match: ['7'] },
      },
    ],
    [
      'that is no version',
      ({ tableAdmin }) => tableAdmin.patch('/v1/tables/orders', { changes: [] }, { 'If-Match': 'seven' }),
      { status: 400, code: 'REQUEST_INVALID' },
    ],
  ],
});
