import { type Column, columnType, METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { QueryTable } from '../query-engine.js';
import { duckdbType, quoteName, quoteText } from './column-sql.js';

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
  const names = columns.map((column) => quoteName(column.name)).join(', ');
  const files = table.files.map(({ path }) => quoteText(path)).join(', ');
  const schema = columns.map(
    (column) =>
      `${column.id}: {name: ${quoteText(column.name)}, type: ${quoteText(duckdbType(columnType(column)))}, default_value: NULL}`,
  );
  return `${view}${names} FROM read_parquet([${files}], schema = MAP {${schema.join(', ')}})`;
}

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
