import { parseColumnType, type ColumnType } from '../../kernel/index.js';

const MAX_PRECISION = 38;

/**
 * True when `to` holds every value of `from` exactly, or as a double holds a float, and files of `from` can be read
 * as `to`. The promotions of Iceberg v2, so that other readers of the files agree. A type is not wider than itself.
 */
export function isWider(from: string, to: string): boolean {
  const [before, after] = [parseColumnType(from), parseColumnType(to)];
  if (before === undefined || after === undefined) return false;
  if (before.kind === 'decimal' && after.kind === 'decimal') {
    return after.scale === before.scale && after.precision > before.precision;
  }
  return WIDER_KINDS[before.kind] === after.kind;
}

/** What a column of the type may become, in words; nothing where it can only stay. */
export function widerTypes(type: string): string[] {
  const before = parseColumnType(type);
  if (before === undefined) return [];
  if (before.kind !== 'decimal') return [WIDER_KINDS[before.kind] ?? []].flat();
  const { precision, scale } = before;
  return precision < MAX_PRECISION
    ? [`decimal(p,${scale}) with ${precision + 1} <= p <= ${MAX_PRECISION}`]
    : [];
}

const WIDER_KINDS: { readonly [K in ColumnType['kind']]?: ColumnType['kind'] } = {
  int: 'long',
  float: 'double',
};
