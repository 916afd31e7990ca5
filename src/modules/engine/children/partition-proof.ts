import type { ColumnType } from '../../../kernel/column-type.js';
import type { PartitionTransform, PartitionValue, PartitionValues } from '../../../kernel/partition-spec.js';
import type { ColumnStats } from '../write-engine.js';
import type { PartitionSource } from './partition-sql.js';

/**
 * The partition of a file, where the bounds of its columns alone say that it holds one: transforms but bucket keep the
 * order of their values, so that what the bounds have in common holds for all between. Undefined where they do not say.
 */
export function provenPartition(
  sources: readonly PartitionSource[],
  rowCount: number,
  columnStats: Readonly<Record<string, ColumnStats>>,
): PartitionValues | undefined {
  const values: Record<string, PartitionValue> = {};
  for (const source of sources) {
    const stats = columnStats[source.column.id];
    const value = stats && provenValue(source, rowCount, stats);
    if (value === undefined) return undefined;
    values[source.fieldId] = value;
  }
  return values;
}

function provenValue(
  { type, transform }: PartitionSource,
  rowCount: number,
  { min, max, nullCount }: ColumnStats,
): PartitionValue | undefined {
  if (nullCount === rowCount) return null;
  if (nullCount !== 0 || min === null || max === null) return undefined;
  const value = valueOfBound(transform, type, min);
  return value === valueOfBound(transform, type, max) ? value : undefined;
}

/** Of a bound as the catalog keeps it. Undefined where the text alone does not say. */
function valueOfBound(
  transform: PartitionTransform,
  type: ColumnType,
  bound: string,
): PartitionValue | undefined {
  switch (transform.kind) {
    case 'identity':
      return isKept(bound) ? bound : undefined;
    case 'year':
      return Number(bound.slice(0, 4)) - 1970;
    case 'month':
      return (Number(bound.slice(0, 4)) - 1970) * 12 + Number(bound.slice(5, 7)) - 1;
    case 'day':
      return Date.parse(`${bound.slice(0, 10)}T00:00:00Z`) / 86_400_000;
    case 'hour':
      return Date.parse(`${bound.slice(0, 13)}:00:00Z`) / 3_600_000;
    case 'truncate':
      return type.kind === 'string' ? firstCharacters(bound, transform.width) : undefined;
    case 'bucket':
      return undefined;
  }
}

const MAX_KEPT_BYTES = 256;

/** Whether a partition's text goes into the catalog: not where it is long, or has what jsonb refuses. */
export const isKept = (text: string): boolean =>
  !text.includes('\0') && Buffer.byteLength(text) <= MAX_KEPT_BYTES;

const firstCharacters = (text: string, count: number): string => [...text].slice(0, count).join('');
