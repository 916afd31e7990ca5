import {
  METADATA_COLUMNS,
  parseTransform,
  type Column,
  type PartitionField,
  type PartitionTransform,
  type PartitionValue,
  type PartitionValues,
} from '../../kernel/index.js';
import { partitionFolder } from '../storage/index.js';

const EVENT_TIME_ID = METADATA_COLUMNS[1].id;
/** Of files that hold several partitions. */
const MIXED_FOLDER = 'mixed';

/** The folders of a file in its object key; none where the spec has no fields. `partition` is null for a mix. */
export function partitionFolders(
  fields: readonly PartitionField[],
  columns: readonly Column[],
  partition: PartitionValues | null,
): string[] {
  if (partition === null) return [MIXED_FOLDER];
  const all: readonly Column[] = [...METADATA_COLUMNS, ...columns];
  return fields.flatMap(({ field_id: fieldId, source_id: sourceId, transform: text }) => {
    const name = all.find(({ id }) => id === sourceId)?.name;
    const transform = parseTransform(text);
    if (name === undefined || transform === undefined)
      throw new Error(`partition field ${fieldId} does not fit the file`);
    const value = readable(transform.kind, partition[fieldId] ?? null);
    if (sourceId === EVENT_TIME_ID) return eventTimeFolders(transform.kind, value);
    return [partitionFolder(transform.kind === 'identity' ? name : `${name}_${transform.kind}`, value)];
  });
}

/** `date=2026-01-02/hour=03`: the name of the table's own time goes without saying. */
function eventTimeFolders(kind: PartitionTransform['kind'], value: string | null): string[] {
  if (kind === 'hour' && value !== null)
    return [partitionFolder('date', value.slice(0, 10)), partitionFolder('hour', value.slice(11))];
  return [partitionFolder(kind === 'day' ? 'date' : kind, value)];
}

/** Times as people write them: 2026, 2026-01, 2026-01-02, 2026-01-02-03. */
function readable(kind: PartitionTransform['kind'], value: PartitionValue): string | null {
  if (value === null) return null;
  const ordinal = Number(value);
  switch (kind) {
    case 'year':
      return String(1970 + ordinal).padStart(4, '0');
    case 'month':
      return new Date(Date.UTC(1970, ordinal)).toISOString().slice(0, 7);
    case 'day':
      return new Date(ordinal * 86_400_000).toISOString().slice(0, 10);
    case 'hour':
      return new Date(ordinal * 3_600_000).toISOString().slice(0, 13).replace('T', '-');
    default:
      return String(value);
  }
}
