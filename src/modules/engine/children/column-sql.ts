import { type Column, parseColumnType } from '../../../kernel/columns.js';

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const quoteText = (text: string): string => {
  if (text.includes('\0')) throw new Error('text with NUL cannot be quoted');
  return `'${text.replaceAll("'", "''")}'`;
};

const DUCKDB_TYPES = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  string: 'VARCHAR',
  uuid: 'UUID',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  json: 'JSON',
} as const;

/** DuckDB's name of a column's type. */
export function duckdbType(column: Column): string {
  const type = parseColumnType(column.type);
  if (type === undefined) throw new Error(`there is no column type ${column.type}`);
  return type.kind === 'decimal' ? `DECIMAL(${type.precision},${type.scale})` : DUCKDB_TYPES[type.kind];
}
