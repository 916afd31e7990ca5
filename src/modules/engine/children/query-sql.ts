import { type Column, METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { QueryTable } from '../query-engine.js';
import { duckdbType, quoteName, quoteText } from './column-sql.js';

/** The table as a view of its files: columns by field id, the user's first; those that a file lacks are null. */
export function createView(table: QueryTable): string {
  const columns: readonly Column[] = [...table.columns, ...METADATA_COLUMNS];
  const view = `CREATE VIEW ${quoteName(table.name)} AS SELECT `;
  if (table.files.length === 0) {
    const nulls = columns.map((column) => `CAST(NULL AS ${duckdbType(column)}) AS ${quoteName(column.name)}`);
    return `${view}${nulls.join(', ')} WHERE false`;
  }
  const names = columns.map((column) => quoteName(column.name)).join(', ');
  const files = table.files.map(({ path }) => quoteText(path)).join(', ');
  const schema = columns.map(
    (column) =>
      `${column.id}: {name: ${quoteText(column.name)}, type: ${quoteText(duckdbType(column))}, default_value: NULL}`,
  );
  return `${view}${names} FROM read_parquet([${files}], schema = MAP {${schema.join(', ')}})`;
}

/** Opens the given files and nothing else, for good. */
export function lockStatements(files: readonly string[]): string[] {
  return [
    `SET allowed_paths = [${files.map(quoteText).join(', ')}]`,
    'SET enable_external_access = false',
    'SET lock_configuration = true',
  ];
}
