import { applyDecorators } from '@nestjs/common';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { AppError, REQUEST_INVALID } from '../kernel/index.js';
import { IntegerText } from './query-text.js';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const MAX_CURSOR_CHARACTERS = 1024;

/** Property decorator: how many entries a page may have at most. */
export const PageLimit = (max: number): PropertyDecorator =>
  applyDecorators(IsOptional(), IntegerText(), IsInt(), Min(1), Max(max));

/** Query parameters of a list whose pages have a limit of their own. */
export class CursorQuery {
  /** `next_cursor` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_CURSOR_CHARACTERS)
  cursor?: string;
}

/** Query parameters of every other list. Extend it to add filters. */
export class PageQuery extends CursorQuery {
  /** Entries at most. */
  @PageLimit(MAX_LIMIT)
  limit: number = DEFAULT_LIMIT;
}

/** Where a page ends: the sort key of its last entry. */
export type Position = readonly (string | number)[];

/** Opaque to clients. `list` ties it to one list, so that a cursor of another is refused. */
export function encodeCursor(list: string, position: Position): string {
  return Buffer.from(JSON.stringify([list, ...position])).toString('base64url');
}

/** Throws REQUEST_INVALID for a cursor that is not one of this list. Undefined in, undefined out. */
export function decodeCursor<P extends Position>(
  list: string,
  cursor: string | undefined,
  isPosition: (p: Position) => p is P,
): P | undefined {
  if (cursor === undefined) return undefined;
  const [tag, ...position] = parseCursor(cursor);
  const values = position.filter((part) => typeof part === 'string' || Number.isSafeInteger(part)) as (
    string | number
  )[];
  if (tag === list && values.length === position.length && isPosition(values)) return values;
  const violations = [{ path: '$.cursor', message: 'is not a cursor of this list' }];
  throw new AppError(REQUEST_INVALID, '$.cursor: is not a cursor of this list.', { context: { violations } });
}

function parseCursor(cursor: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** Cuts rows, read with a limit of `limit + 1`, to a page. `next_cursor` is null on the last one. */
export function pageOf<Row>(
  list: string,
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => Position,
): { rows: Row[]; next_cursor: string | null } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { rows: page, next_cursor: more ? encodeCursor(list, positionOf(last)) : null };
}
