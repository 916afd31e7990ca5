import type { ColumnType } from '../../../kernel/column-type.js';

/**
 * DuckDB's text of a value in the form that the catalog keeps: times in RFC 3339 with microseconds, decimals with a
 * digit before their point. Null where it has no such form, such as infinite times.
 */
export function boundText(kind: ColumnType['kind'], text: string): string | null {
  switch (kind) {
    case 'time':
      return isoClock(text);
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return isoTime(text);
    case 'decimal':
      return text.replace(/^(-?)\./, '$10.');
    default:
      return text;
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
