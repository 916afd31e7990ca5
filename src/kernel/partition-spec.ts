import type { ColumnType } from './column-type.js';

/** Ids of partition fields begin here, as in Iceberg: they share no numbers with columns of small tables. */
export const FIRST_PARTITION_FIELD_ID = 1000;
export const MAX_PARTITION_FIELDS = 4;
export const MAX_BUCKETS = 4096;
/** Of text and bytes, whose bounds are kept to 256 bytes. */
export const MAX_TRUNCATED_CHARS = 64;
/** Of whole numbers and decimals. */
export const MAX_TRUNCATED_WIDTH = 2_147_483_647;

/** How a partition value is made of a column's value, as in Iceberg. Null stays null. */
export type PartitionTransform =
  | { readonly kind: 'identity' | 'year' | 'month' | 'day' | 'hour' }
  | { readonly kind: 'bucket' | 'truncate'; readonly width: number };

/** As stored in `table_def.partition_specs`. */
export interface PartitionField {
  /** The same in every spec of a table for the same source and transform. */
  readonly field_id: number;
  /** Field id of a top-level column. */
  readonly source_id: number;
  /** `hour`, `bucket(16)`: see `parseTransform`. */
  readonly transform: string;
}

/** How new files of a table are split. Spec 0 of every table has no fields; a spec never changes. */
export interface PartitionSpec {
  readonly spec_id: number;
  readonly fields: readonly PartitionField[];
}

export const UNPARTITIONED: PartitionSpec = { spec_id: 0, fields: [] };

/** As stored in `table_def.sort_order`. */
export interface SortField {
  /** Field id of a top-level column. */
  readonly source_id: number;
  readonly direction: SortDirection;
}

export type SortDirection = 'asc' | 'desc';

/**
 * Value of a partition field. Numbers count from 1970 (year, month, day, hour) or are buckets. Identity and truncate
 * give text in the form of `ColumnStats` bounds; binary is base64.
 */
export type PartitionValue = number | string | null;

/** By partition field id. */
export type PartitionValues = Readonly<Record<string, PartitionValue>>;

/** Reads `identity`, `year`, `month`, `day`, `hour`, `bucket(n)` or `truncate(n)`, n up to 10 digits, not 0. */
export function parseTransform(text: string): PartitionTransform | undefined {
  if (/^(identity|year|month|day|hour)$/.test(text)) return { kind: text as 'hour' };
  const match = /^(bucket|truncate)\(([1-9]\d{0,9})\)$/.exec(text);
  return match === null ? undefined : { kind: match[1] as 'bucket', width: Number(match[2]) };
}

type Kind = ColumnType['kind'];

const DAYS: readonly Kind[] = ['date', 'timestamp', 'timestamptz'];
const HASHED: readonly Kind[] = ['int', 'long', 'decimal', 'string', 'uuid', 'binary', 'time', ...DAYS];

/** The kinds of columns that each transform takes. */
export const TRANSFORM_SOURCES: Readonly<Record<PartitionTransform['kind'], readonly Kind[]>> = {
  identity: ['boolean', ...HASHED],
  year: DAYS,
  month: DAYS,
  day: DAYS,
  hour: ['timestamp', 'timestamptz'],
  bucket: HASHED,
  truncate: ['int', 'long', 'decimal', 'string', 'binary'],
};

/** The largest n of a transform on a column of this kind; undefined for a transform without. */
export function maxWidth(transform: PartitionTransform['kind'], source: Kind): number | undefined {
  if (transform === 'bucket') return MAX_BUCKETS;
  if (transform !== 'truncate') return undefined;
  return source === 'string' || source === 'binary' ? MAX_TRUNCATED_CHARS : MAX_TRUNCATED_WIDTH;
}
