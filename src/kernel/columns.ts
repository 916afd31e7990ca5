/** The scalar types of a column, except decimal, which carries its precision and scale. */
export const SIMPLE_TYPES = [
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'string',
  'uuid',
  'date',
  'timestamp',
  'timestamptz',
  'json',
] as const;

export type SimpleType = (typeof SIMPLE_TYPES)[number];

/** A column's type, parsed. `decimal` has 1 <= precision <= 38 and 0 <= scale <= precision. */
export type ColumnType =
  | { readonly kind: SimpleType }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number };

/** A column of a table's schema, as stored in `table_schema_version.schema_json`. */
export interface Column {
  /** Field id: given once, never used again. Users' columns begin at `FIRST_USER_FIELD_ID`. */
  readonly id: number;
  /** NFC, up to 128 characters, unique in its table without regard to case. */
  readonly name: string;
  /** As written by the user: `long`, `decimal(18,4)`. See `parseColumnType`. */
  readonly type: string;
  readonly nullable: boolean;
  /** Put into an event that lacks the column, as JSON in the column's own type. */
  readonly default?: unknown;
  readonly doc?: string;
}

/** Columns that every Parquet file has beside the user's. All are required. */
export const METADATA_COLUMNS = [
  { id: 1, name: '_visibility_token', type: 'long', nullable: false },
  { id: 2, name: '_event_time', type: 'timestamptz', nullable: false },
  { id: 3, name: '_ingested_at', type: 'timestamptz', nullable: false },
  { id: 4, name: '_idempotency_key', type: 'string', nullable: false },
] as const satisfies readonly Column[];

export const FIRST_USER_FIELD_ID = 5;

/** Parses a type as users write it; undefined when there is no such type. */
export function parseColumnType(text: string): ColumnType | undefined {
  const simple = SIMPLE_TYPES.find((kind) => kind === text);
  if (simple !== undefined) return { kind: simple };
  const match = /^decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)$/.exec(text);
  if (match === null) return undefined;
  const precision = Number(match[1]);
  const scale = Number(match[2]);
  return precision >= 1 && precision <= 38 && scale <= precision
    ? { kind: 'decimal', precision, scale }
    : undefined;
}
