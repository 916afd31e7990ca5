import type { Refusal } from '../support/refusal.js';
import { add, change, create, refusedAs, rename, says, testRefusals } from '../support/table-refusals.js';

/** Names that no table or column can have, and more columns than a table can have. */

const LONG_NAME = 'n'.repeat(300);
const SHOWN_NAME = 'n'.repeat(128);
const CREATED = '$.schema.columns[0]';
const id = { name: 'id', type: 'int' };
const wide = `struct<${Array.from({ length: 5_000 }, (_, n) => `f${n}: int`).join(', ')}>`;
const noTable = (table: string): Refusal => ({ status: 404, code: 'TABLE_NOT_FOUND', context: { table } });

testRefusals({
  'a reserved name': [
    [
      'of a column',
      create([{ name: '_id', type: 'int' }]),
      refusedAs({ path: `${CREATED}.name`, column: '_id', allowed: [says('not beginning with "_"')] }),
    ],
    [
      'of a new column',
      add('_event_time'),
      refusedAs({
        path: '$.changes[0].column.name',
        column: '_event_time',
        allowed: [says('not beginning with "_"')],
      }),
    ],
    [
      'for an old column',
      rename('note', '_note'),
      refusedAs({ path: '$.changes[0].to', column: 'note', allowed: [says('not beginning with "_"')] }),
    ],
    [
      'of a field',
      create([{ name: 'a', type: 'struct<__duckdb_field_id: int>' }]),
      refusedAs({ path: `${CREATED}.type`, column: 'a', message: says('reserved') }),
    ],
    [
      'of a new field',
      add('address.__proto__'),
      refusedAs({ path: '$.changes[0].column.name', message: says('reserved') }),
    ],
  ],
  'a name of 300 characters': [
    [
      'of a table',
      create([id], { table_name: LONG_NAME }),
      refusedAs({ path: '$.table_name', message: says('{0,62}') }),
    ],
    [
      'for a table',
      change({ op: 'rename_table', to: LONG_NAME }),
      refusedAs({ path: '$.changes[0].to', message: says('{0,62}') }),
    ],
    [
      'of a column',
      create([{ name: LONG_NAME, type: 'int' }]),
      refusedAs({ path: `${CREATED}.name`, column: SHOWN_NAME, allowed: [says('1 to 128 characters')] }),
    ],
    [
      'of a new column',
      add(LONG_NAME),
      refusedAs({ column: SHOWN_NAME, allowed: [says('1 to 128 characters')] }),
    ],
    [
      'for an old column',
      rename('note', LONG_NAME),
      refusedAs({ column: 'note', allowed: [says('1 to 128 characters')] }),
    ],
    [
      'of a table to look for',
      ({ tableAdmin }) => tableAdmin.get(`/v1/tables/${LONG_NAME}`),
      noTable('n'.repeat(64)),
    ],
    [
      'of a table to drop',
      ({ tableAdmin }) => tableAdmin.delete(`/v1/tables/${LONG_NAME}`),
      noTable('n'.repeat(64)),
    ],
    [
      'of a table to write to',
      ({ writer }) => writer.ingest(LONG_NAME, { records: [{ idempotency_key: 'k', payload: {} }] }),
      noTable('n'.repeat(64)),
    ],
  ],
  'a name that differs by case': [
    [
      'of a table',
      create([id], { table_name: 'Orders' }),
      refusedAs({ path: '$.table_name', message: says('[a-z]') }),
    ],
    [
      'of a column',
      create([id, { name: 'ID', type: 'int' }]),
      refusedAs({
        path: '$.schema.columns[1].name',
        column: 'ID',
        allowed: [says('differs from "id" in more than case')],
      }),
    ],
    [
      'of a column with an umlaut',
      create([
        { name: 'größe', type: 'int' },
        { name: 'GRÖßE', type: 'int' },
      ]),
      refusedAs({ column: 'GRÖßE' }),
    ],
    [
      'of a new column',
      add('Price'),
      refusedAs({ column: 'Price', allowed: [says('differs from "price" in more than case')] }),
    ],
    [
      'for an old column',
      rename('note', 'COUNT'),
      refusedAs({ column: 'note', allowed: [says('differs from "count" in more than case')] }),
    ],
    [
      'of a field',
      add('address.ZIP'),
      refusedAs({ column: 'address.ZIP', allowed: [says('differs from "zip" in more than case')] }),
    ],
    [
      'of a column to drop',
      change({ op: 'drop_column', name: 'Note' }),
      refusedAs({ column: 'Note', allowed: ['note'] }),
    ],
  ],
  'too many columns': [
    [
      'in a table',
      create(Array.from({ length: 5_000 }, (_, n) => ({ name: `c${n}`, type: 'int' }))),
      refusedAs({ path: '$.schema.columns', column: 'c500', allowed: [says('1 to 500 columns')] }),
    ],
    [
      'in a struct',
      create([id, { name: 'a', type: wide }]),
      refusedAs({ path: '$.schema.columns', column: 'a', allowed: [says('1 to 500 columns')] }),
    ],
    [
      'that are none',
      create([]),
      refusedAs({ path: '$.schema.columns', allowed: [says('1 to 500 columns')] }),
    ],
    [
      'by changes',
      change(
        ...Array.from({ length: 2_000 }, (_, n) => ({
          op: 'add_column',
          column: { name: `c${n}`, type: 'int' },
        })),
      ),
      refusedAs({ path: '$.changes[491].column', column: 'c491', allowed: [says('1 to 500 columns')] }),
    ],
    ['by one struct', add('wide', wide), refusedAs({ column: 'wide', allowed: [says('1 to 500 columns')] })],
  ],
});
