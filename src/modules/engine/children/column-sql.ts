import { type ColumnType, partsOf } from '../../../kernel/column-type.js';

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
  binary: 'BLOB',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  json: 'JSON',
} as const;

type Kind = ColumnType['kind'];

/** DuckDB's name of a type. */
export const duckdbType = (type: ColumnType): string => nameOf(type, []);

/** The type that a body's value is read as: json and binary are strings there. */
export const bodyType = (type: ColumnType): string => nameOf(type, ['json', 'binary']);

/** The type that a parameter's JSON is read as: binary is a string there. */
export const parameterJsonType = (type: ColumnType): string => nameOf(type, ['binary']);

function nameOf(type: ColumnType, asText: readonly Kind[]): string {
  if (type.kind === 'list') return `${nameOf(type.element.type, asText)}[]`;
  if (type.kind === 'struct') {
    return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${nameOf(field.type, asText)}`).join(', ')})`;
  }
  if (asText.includes(type.kind)) return 'VARCHAR';
  return type.kind === 'decimal' ? `DECIMAL(${type.precision},${type.scale})` : DUCKDB_TYPES[type.kind];
}

/**
 * SQL that makes a value of the type from `value`, which is SQL of the type with its text forms. A cast does it, but
 * where binary is inside: that is base64, which no cast reads.
 */
export function fromText(type: ColumnType, value: string, depth = 0): string {
  if (!holdsBinary(type)) return `CAST(${value} AS ${duckdbType(type)})`;
  if (type.kind === 'list') {
    const item = `item_${depth}`;
    return `list_transform(${value}, lambda ${item}: ${fromText(type.element.type, item, depth + 1)})`;
  }
  if (type.kind !== 'struct') return `from_base64(${value})`;
  const fields = type.fields.map((field) => {
    const member = `struct_extract(${value}, ${quoteText(field.name)})`;
    return `${quoteName(field.name)} := ${fromText(field.type, member, depth)}`;
  });
  // A null struct is not a struct of nulls.
  return `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${fields.join(', ')}) END`;
}

const holdsBinary = (type: ColumnType): boolean =>
  type.kind === 'binary' || partsOf(type).some((part) => holdsBinary(part.type));
