import type { ColumnType, TypedField } from './column-type.js';
import { parseColumnType } from './type-parser.js';
import { typeText } from './type-text.js';

/** A column of a table's schema, or a part of a nested one, as stored in `table_schema_version.schema_json`. */
export interface Column {
  /** Field id: given once, never used again. Users' columns begin at `FIRST_USER_FIELD_ID`. */
  readonly id: number;
  /** NFC, up to 128 characters, unique among its siblings without regard to case. */
  readonly name: string;
  /** A scalar type as users write it; `list` and `struct` alone where `fields` say more. See `columnTypeText`. */
  readonly type: string;
  readonly nullable: boolean;
  /** Put in where the column is absent, as JSON in the column's own type. */
  readonly default?: unknown;
  readonly doc?: string;
  /** Of a struct its fields, of a list its only part, `element`. Absent from scalars. */
  readonly fields?: readonly Column[];
  /** Ids that it had before its type changed to one that its files cannot be read as. Oldest first. */
  readonly formerIds?: readonly number[];
  /** Of a whole column: what it was under each of those ids, for files and events from then. */
  readonly former?: readonly Column[];
}

/** Columns that every Parquet file has beside the user's. All are required. */
export const METADATA_COLUMNS = [
  { id: 1, name: '_visibility_token', type: 'long', nullable: false },
  { id: 2, name: '_event_time', type: 'timestamptz', nullable: false },
  { id: 3, name: '_ingested_at', type: 'timestamptz', nullable: false },
  { id: 4, name: '_idempotency_key', type: 'string', nullable: false },
] as const satisfies readonly Column[];

export const FIRST_USER_FIELD_ID = 5;

/** The type of a stored column. Throws where there is no such type, which a stored schema never has. */
export function columnType(column: Column): ColumnType {
  const { type, fields } = column;
  const [element] = fields ?? [];
  if (type === 'list' && element !== undefined) return { kind: 'list', element: typedField(element) };
  if (type === 'struct' && fields !== undefined) return { kind: 'struct', fields: fields.map(typedField) };
  const scalar = parseColumnType(type);
  if (scalar === undefined) throw new Error(`there is no column type ${type}`);
  return scalar;
}

/** A stored column without its field ids. */
export function typedField(column: Column): TypedField {
  const { name, nullable, default: filling, doc } = column;
  return {
    name,
    type: columnType(column),
    nullable,
    ...(filling !== undefined && { default: filling }),
    ...(doc !== undefined && { doc }),
  };
}

/** The type of a stored column as users write it: `list<struct<a: int>>`. */
export const columnTypeText = (column: Column): string => typeText(columnType(column));
