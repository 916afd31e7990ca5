import { type Column, columnType, METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { MergedFiles, QueryFile, QueryTable } from '../query-engine.js';
import { duckdbType, quoteName, quoteText } from './column-sql.js';
import { formerSelf, valueSince } from './converted-value.js';

const TOKEN = METADATA_COLUMNS[0];

/**
 * The table as a view of its files: columns by field id, the user's first; those that a file lacks are null.
 * Fields inside of structs are found by name, and by id where a file has another layout.
 */
function createView(table: QueryTable): string {
  const columns: readonly Column[] = [...table.columns, ...METADATA_COLUMNS];
  const { merged, layouts = [] } = table;
  const parts = [
    ...selectsOf(table.files, columns, layouts),
    ...(merged === undefined ? [] : mergedSelects(merged, columns, layouts)),
  ];
  return `CREATE VIEW ${quoteName(table.name)} AS ${parts.length > 0 ? parts.join(' UNION ALL ') : noRows(columns)}`;
}

/**
 * Rows of data files without those that a later delete hides. It costs a look-up a row, in a table as large as the
 * delete files; where tokens say nothing that the files do not, theirs are not read. Explicit joins: the engine makes
 * of NOT EXISTS with `>` a join over every distinct row.
 */
function mergedSelects(
  { older, files, deletes, key }: MergedFiles,
  columns: readonly Column[],
  layouts: readonly (readonly Column[])[],
): string[] {
  const equal = key.map(({ name }) => `d.${quoteName(name)} = x.${quoteName(name)}`);
  const later = `x.${TOKEN.name} > d.${TOKEN.name}`;
  const without = (on: readonly string[]): string =>
    `ANTI JOIN ${scan(deletes, [TOKEN, ...key])} x ON ${on.join(' AND ')}`;
  const groups = [
    { of: older, seen: without(equal) },
    { of: files, seen: without([...equal, later]) },
  ];
  return groups
    .filter(({ of }) => of.length > 0)
    .map(({ of, seen }) => seenSelect(of, seen, columns, layouts));
}

function seenSelect(
  files: readonly QueryFile[],
  seen: string,
  columns: readonly Column[],
  layouts: readonly (readonly Column[])[],
): string {
  if (files.every(({ layout }) => layout === undefined))
    return `SELECT ${valuesOf(columns)} FROM (SELECT d.* FROM ${scan(files, columns)} d ${seen})`;
  return `SELECT d.* FROM (${selectsOf(files, columns, layouts).join(' UNION ALL ')}) d ${seen}`;
}

/** One for the files that are read by name, and one for each layout. */
function selectsOf(
  files: readonly QueryFile[],
  columns: readonly Column[],
  layouts: readonly (readonly Column[])[],
): string[] {
  return [...Map.groupBy(files, ({ layout }) => layout)].map(([layout, alike]) =>
    layout === undefined
      ? `SELECT ${valuesOf(columns)} FROM ${scan(alike, columns)}`
      : mappedSelect(alike, columns, [...(layouts[layout] ?? []), ...METADATA_COLUMNS]),
  );
}

/** Files are read as they were written, and their values are mapped to the table's columns by field id. */
function mappedSelect(
  files: readonly QueryFile[],
  columns: readonly Column[],
  layout: readonly Column[],
): string {
  const values = columns.map((column) => {
    const source = formerSelf(layout, column);
    const value =
      source === undefined
        ? `CAST(NULL AS ${typeOf(column)})`
        : valueSince(source, column, quoteName(source.name));
    return `${value} AS ${quoteName(column.name)}`;
  });
  const written = layout.map(({ former: _, ...column }) => column);
  return `SELECT ${values.join(', ')} FROM ${scan(files, written)}`;
}

const noRows = (columns: readonly Column[]): string =>
  `SELECT ${columns.map((column) => `CAST(NULL AS ${typeOf(column)}) AS ${quoteName(column.name)}`).join(', ')} WHERE false`;

function scan(files: readonly QueryFile[], columns: readonly Column[]): string {
  const schema = columns.flatMap((column) => [
    inFile(column, column.name),
    ...(column.former ?? []).map((former) => inFile(former, formerName(former))),
  ]);
  return `read_parquet([${pathsOf(files)}], ${rowsOf(files)}schema = MAP {${schema.join(', ')}})`;
}

/**
 * Without it the engine takes every file that has a schema for 1,000 rows, and builds the table of a join from the data
 * where that has fewer files than what it is joined with.
 */
function rowsOf(files: readonly QueryFile[]): string {
  const rows = files.reduce((sum, file) => sum + (file.rows ?? NaN), 0);
  return Number.isSafeInteger(rows) ? `explicit_cardinality = ${rows}, ` : '';
}

const valuesOf = (columns: readonly Column[]): string =>
  columns.map((column) => `${valueOf(column)} AS ${quoteName(column.name)}`).join(', ');

/** A file holds a column under one of its field ids, and the others read null. */
function valueOf(column: Column): string {
  const { name, former = [] } = column;
  if (former.length === 0) return quoteName(name);
  const earlier = former.map((each) => valueSince(each, column, quoteName(formerName(each))));
  return `coalesce(${[quoteName(name), ...earlier.reverse()].join(', ')})`;
}

/** No column of a user begins with `_`. */
const formerName = ({ id }: Column): string => `_former_${id}`;

const inFile = (column: Column, name: string): string =>
  `${column.id}: {name: ${quoteText(name)}, type: ${quoteText(typeOf(column))}, default_value: NULL}`;

const typeOf = (column: Column): string => duckdbType(columnType(column));

const pathsOf = (files: readonly QueryFile[]): string => files.map(({ path }) => quoteText(path)).join(', ');

/** Every file that the table's view reads. */
export const filesOf = ({ files, merged }: QueryTable): readonly QueryFile[] =>
  merged === undefined ? files : [...files, ...merged.older, ...merged.files, ...merged.deletes];

/**
 * One script that makes the views of the tables, then opens their files and nothing else, for good. A statement that
 * fails ends the script, and nothing of the tenant's may follow.
 */
export function prepareScript(tables: readonly QueryTable[]): string {
  return [
    ...tables.map(createView),
    `SET allowed_paths = [${pathsOf(tables.flatMap(filesOf))}]`,
    'SET enable_external_access = false',
    'SET lock_configuration = true',
  ].join(';\n');
}
