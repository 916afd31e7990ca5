import { parseColumnType } from '../../kernel/columns.js';
import { duckdbType } from './children/column-sql.js';

/** Longer than any type that makes sense; a longer text is not even looked at. */
const MAX_TYPE_LENGTH = 200;

/** DuckDB's name of a parameter's type: a column's, or `list<…>` of one. Undefined when there is no such type. */
export function parameterType(text: string): string | undefined {
  if (text.length > MAX_TYPE_LENGTH) return undefined;
  const item = /^list<(.+)>$/.exec(text)?.[1];
  if (item !== undefined) {
    const inner = parameterType(item.trim());
    return inner === undefined ? undefined : `${inner}[]`;
  }
  const known = parseColumnType(text) !== undefined;
  return known ? duckdbType({ id: 0, name: '', type: text, nullable: true }) : undefined;
}

export const isParameterType = (text: string): boolean => parameterType(text) !== undefined;
