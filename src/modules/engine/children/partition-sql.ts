import { type Column, columnType, METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { ColumnType } from '../../../kernel/column-type.js';
import {
  parseTransform,
  type PartitionField,
  type PartitionTransform,
} from '../../../kernel/partition-spec.js';
import { HASH_FUNCTIONS } from './bucket-functions.js';
import { quoteName } from './column-sql.js';

/** A partition field with what it is made of. */
export interface PartitionSource {
  readonly fieldId: number;
  readonly column: Column;
  readonly type: ColumnType;
  readonly transform: PartitionTransform;
}

export function partitionSources(
  fields: readonly PartitionField[],
  columns: readonly Column[],
): PartitionSource[] {
  const all: readonly Column[] = [...METADATA_COLUMNS, ...columns];
  return fields.map(({ field_id: fieldId, source_id: sourceId, transform: text }) => {
    const column = all.find(({ id }) => id === sourceId);
    const transform = parseTransform(text);
    if (column === undefined || transform === undefined)
      throw new Error(`partition field ${fieldId} (${text} of ${sourceId}) does not fit the file`);
    return { fieldId, column, type: columnType(column), transform };
  });
}

/** SQL of the partition's value. Of decimals under truncate it is the number without its point. */
export function partitionExpression({ column, type, transform }: PartitionSource): string {
  const value = quoteName(column.name);
  switch (transform.kind) {
    case 'identity':
      return value;
    case 'bucket':
      return `(${hashExpression(type, value)} & 2147483647) % ${transform.width}`;
    case 'truncate':
      return truncated(type, value, transform.width);
    default:
      return `date_diff('${transform.kind}', TIMESTAMP '1970-01-01', ${civilTime(type, value)})`;
  }
}

/** In UTC, whatever extensions there are. */
const civilTime = (type: ColumnType, value: string): string =>
  type.kind === 'timestamptz' ? `make_timestamp(epoch_us(${value}))` : `CAST(${value} AS TIMESTAMP)`;

function truncated({ kind }: ColumnType, value: string, width: number): string {
  if (kind === 'string') return `left(${value}, ${width})`;
  if (kind === 'binary') return `array_slice(${value}, 1, ${width})`;
  const whole = kind === 'decimal' ? unscaled(value) : `CAST(${value} AS HUGEINT)`;
  return `${whole} - ((${whole} % ${width} + ${width}) % ${width})`;
}

function hashExpression({ kind }: ColumnType, value: string): string {
  const of = (name: keyof typeof HASH_FUNCTIONS, argument: string) => `${HASH_FUNCTIONS[name]}(${argument})`;
  switch (kind) {
    case 'int':
    case 'long':
      return of('long', `CAST(${value} AS BIGINT)`);
    case 'date':
      return of('long', `date_diff('day', DATE '1970-01-01', ${value})`);
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return of('long', `epoch_us(${value})`);
    case 'decimal':
      return of('unscaled', unscaled(value));
    case 'uuid':
      return of('bytes', `unhex(replace(CAST(${value} AS VARCHAR), '-', ''))`);
    case 'string':
      return of('bytes', `encode(${value})`);
    case 'binary':
      return of('bytes', value);
    default:
      throw new Error(`${kind} has no hash`);
  }
}

const unscaled = (value: string): string => `CAST(replace(CAST(${value} AS VARCHAR), '.', '') AS HUGEINT)`;
