import { type Column, columnType, METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { ColumnType } from '../../../kernel/column-type.js';
import type { ColumnStats } from '../write-engine.js';
import { quoteName } from './column-sql.js';

/** One column of `RETURN_STATS`: names such as `min`, `max`, `null_count`, `has_nan`. */
export type RawStats = ReadonlyMap<string, string>;

/** Statistics by field id, of columns and parts of columns that hold no others. `raw` has DuckDB's keys: quoted names. */
export function columnStatsOf(
  columns: readonly Column[],
  raw: ReadonlyMap<string, RawStats>,
): Record<string, ColumnStats> {
  const stats: Record<string, ColumnStats> = {};
  const add = (column: Column, parent: string): void => {
    const key = parent + quoteName(column.name);
    const found = raw.get(key);
    if (found !== undefined) stats[String(column.id)] = statsOf(column, found, parent !== '');
    for (const part of column.fields ?? []) add(part, `${key}.`);
  };
  for (const column of [...METADATA_COLUMNS, ...columns]) add(column, '');
  return stats;
}

function statsOf(column: Column, raw: RawStats, isPart: boolean): ColumnStats {
  const { kind } = columnType(column);
  const nan = raw.get('has_nan');
  const hasNan = nan === 'true';
  return {
    ...boundsOf(kind, raw.get('min'), raw.get('max')),
    ...(!isPart && { nullCount: Number(raw.get('null_count') ?? 0) }),
    ...((kind === 'float' || kind === 'double') && { nanCount: hasNan ? 1 : 0 }),
  };
}

function boundsOf(
  kind: ColumnType['kind'],
  min: string | undefined,
  max: string | undefined,
): { min: string | null; max: string | null } {
  if (min === undefined || max === undefined) return { min: null, max: null };
  switch (kind) {
    case 'json':
    case 'binary':
      return { min: null, max: null };
    case 'time':
      return { min: isoClock(min), max: isoClock(max) };
    case 'boolean':
      return { min: min === '1' ? 'true' : 'false', max: max === '1' ? 'true' : 'false' };
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return { min: isoTime(min), max: isoTime(max) };
    case 'string':
      // The catalog's jsonb holds no NUL. What is before it is a lower bound still.
      return { min: min.split('\0', 1)[0] ?? '', max: max.includes('\0') ? null : max };
    default:
      return { min, max };
  }
}

/**
 * DuckDB's text of a date or time (`2024-01-01 00:00:00.5+00`) in RFC 3339 with microseconds.
 * Null when it has no such form, such as infinity.
 */
export function isoTime(text: string): string | null {
  const match = /^(\d{4,})-(\d\d-\d\d)( \(BC\))?(?: (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(\+00)?)?$/.exec(text);
  if (match === null) return null;
  const [, year = '', monthAndDay = '', bc, time, fraction = '', zone] = match;
  const astronomical = bc === undefined ? Number(year) : 1 - Number(year);
  if (astronomical < 0 || astronomical > 9999) return null;
  const date = `${String(astronomical).padStart(4, '0')}-${monthAndDay}`;
  if (time === undefined) return date;
  return `${date}T${time}.${fraction.padEnd(6, '0')}${zone === undefined ? '' : 'Z'}`;
}

/** DuckDB's text of a time of day (`12:00:00.5`) with microseconds. */
function isoClock(text: string): string {
  const [clock = '', fraction = ''] = text.split('.');
  return `${clock}.${fraction.padEnd(6, '0')}`;
}
