import { columnType, type Column } from '../../kernel/index.js';
import type { ColumnStatistics } from '../snapshots/index.js';

type Bound = bigint | string;

/** For each column of a key, between what a file's values lie; undefined where that is not known. */
export type KeyRange = readonly (readonly [min: Bound, max: Bound] | undefined)[];

/** Longer bounds may have been cut when they were written. */
const MAX_TEXT_CHARS = 64;

/** `stats` are those of the file's key columns by field id. */
export const keyRangeOf = (
  key: readonly Column[],
  stats: Readonly<Record<string, ColumnStatistics | null>>,
): KeyRange =>
  key.map((column) => {
    const { min = null, max = null } = stats[String(column.id)] ?? {};
    const [least, most] = [boundOf(column, min), boundOf(column, max)];
    return least === undefined || most === undefined ? undefined : [least, most];
  });

/** False where no key can be in both. */
export const rangesMeet = (a: KeyRange, b: KeyRange): boolean =>
  a.every((range, place) => {
    const other = b[place];
    return range === undefined || other === undefined || (range[0] <= other[1] && other[0] <= range[1]);
  });

/** A bound whose order is that of the column's values. Types whose text has another order have none. */
function boundOf(column: Column, text: string | null): Bound | undefined {
  if (text === null) return undefined;
  switch (columnType(column).kind) {
    case 'int':
    case 'long':
      return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return text;
    case 'string':
      if (text.length > MAX_TEXT_CHARS || text.includes('\\')) return undefined;
      // A character a byte: text is ordered by the bytes of its UTF-8.
      return Buffer.from(text).toString('latin1');
    case 'binary':
      return Buffer.from(text, 'base64').toString('latin1');
    default:
      return undefined;
  }
}
