import { type Column, columnType, METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { ColumnType } from '../../../kernel/column-type.js';
import type { ColumnStats } from '../write-engine.js';
import { boundText } from './bound-text.js';
import { quoteName } from './column-sql.js';

/** One column of `RETURN_STATS`: names such as `min`, `max`, `null_count`, `has_nan`. */
export type RawStats = ReadonlyMap<string, string>;

/**
 * Statistics by field id, of columns and parts of columns that hold no others. `raw` has DuckDB's keys: quoted names.
 * Its `has_nan` is that of the last row group (1.5.5), so only with `oneRowGroup` a false one is a count of 0.
 */
export function columnStatsOf(
  columns: readonly Column[],
  raw: ReadonlyMap<string, RawStats>,
  oneRowGroup: boolean,
): Record<string, ColumnStats> {
  const stats: Record<string, ColumnStats> = {};
  const add = (column: Column, parent: string, inList: boolean): void => {
    const key = parent + quoteName(column.name);
    const found = raw.get(key);
    if (found !== undefined)
      stats[String(column.id)] = statsOf(column, found, parent !== '', oneRowGroup && !inList);
    const isList = columnType(column).kind === 'list';
    for (const part of column.fields ?? []) add(part, `${key}.`, inList || isList);
  };
  for (const column of [...METADATA_COLUMNS, ...columns]) add(column, '', false);
  return stats;
}

function statsOf(column: Column, raw: RawStats, isPart: boolean, knowsNan: boolean): ColumnStats {
  const { kind } = columnType(column);
  const hasNoNan = (kind === 'float' || kind === 'double') && knowsNan && raw.get('has_nan') === 'false';
  return {
    ...boundsOf(kind, raw.get('min'), raw.get('max')),
    ...(!isPart && { nullCount: Number(raw.get('null_count') ?? 0) }),
    ...(hasNoNan && { nanCount: 0 }),
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
      return { min: null, max: null };
    case 'binary':
      return { min: base64Of(min), max: base64Of(max) };
    case 'boolean':
      return { min: min === '1' ? 'true' : 'false', max: max === '1' ? 'true' : 'false' };
    case 'string':
      return { min: beforeNul(min), max: beforeNul(max, true) };
    default:
      return { min: boundText(kind, min), max: boundText(kind, max) };
  }
}

const base64Of = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

/** The catalog's jsonb refuses NUL. What is before it is a minimum that holds; a maximum is the next text after that. */
function beforeNul(text: string, isMax = false): string | null {
  const at = text.indexOf('\0');
  if (at < 0) return text;
  return isMax ? raised(text.slice(0, at)) : text.slice(0, at);
}

/** The first text after all that begin with this one. Null where there is none. */
function raised(text: string): string | null {
  const characters = [...text];
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    const point = last.codePointAt(0) ?? 0;
    // Surrogates are no characters of their own.
    const next = point === 0xd7ff ? 0xe000 : point + 1;
    if (next <= 0x10ffff) return characters.join('') + String.fromCodePoint(next);
  }
  return null;
}
