import { type Column, columnType, METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { QueryTable } from '../query-engine.js';
import { duckdbType, quoteName, quoteText } from './column-sql.js';
import { convertedValue } from './converted-value.js';

/**
 * The table as a view of its files: columns by field id, the user's first; those that a file lacks are null.
 * Fields inside of structs are found by name.
 */
function createView(table: QueryTable): string {
  const columns: readonly Column[] = [...table.columns, ...METADATA_COLUMNS];
  const view = `CREATE VIEW ${quoteName(table.name)} AS SELECT `;
  if (table.files.length === 0) {
    const nulls = columns.map(
      (column) => `CAST(NULL AS ${duckdbType(columnType(column))}) AS ${quoteName(column.name)}`,
    );
    return `${view}${nulls.join(', ')} WHERE false`;
  }
  const values = columns.map((column) => `${valueOf(column)} AS ${quoteName(column.name)}`).join(', ');
  const files = table.files.map(({ path }) => quoteText(path)).join(', ');
  const schema = columns.flatMap((column) => [
    inFile(column, column.name),
    ...(column.former ?? []).map((former) => inFile(former, formerName(former))),
  ]);
  return `${view}${values} FROM read_parquet([${files}], schema = MAP {${schema.join(', ')}})`;
}

/** A file holds a column under one of its field ids, and the others read null. */
function valueOf(column: Column): string {
  const { name, former = [] } = column;
  if (former.length === 0) return quoteName(name);
  const earlier = former.map((each) => convertedValue(each, column, quoteName(formerName(each))));
  return `coalesce(${[quoteName(name), ...earlier.reverse()].join(', ')})`;
}

/** No column of a user begins with `_`. */
const formerName = ({ id }: Column): string => `_former_${id}`;

const inFile = (column: Column, name: string): string =>
  `${column.id}: {name: ${quoteText(name)}, type: ${quoteText(duckdbType(columnType(column)))}, default_value: NULL}`;

/**
 * One script that makes the views of the tables, then opens their files and nothing else, for good. A statement that
 * fails ends the script, and nothing of the tenant's may follow.
 */
export function prepareScript(tables: readonly QueryTable[]): string {
  const paths = tables.flatMap((table) => table.files.map(({ path }) => quoteText(path)));
  return [
    ...tables.map(createView),
    `SET allowed_paths = [${paths.join(', ')}]`,
    'SET enable_external_access = false',
    'SET lock_configuration = true',
  ].join(';\n');
}
