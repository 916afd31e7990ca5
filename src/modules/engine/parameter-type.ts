import type { ColumnType } from '../../kernel/column-type.js';
import { parseColumnType } from '../../kernel/type-parser.js';

/** Longer than any type that makes sense; a longer text is not even looked at. */
const MAX_TYPE_LENGTH = 1_000;

/** A parameter's type: one of a column. Undefined when there is no such type. */
export const parameterType = (text: string): ColumnType | undefined =>
  text.length > MAX_TYPE_LENGTH ? undefined : parseColumnType(text);

export const isParameterType = (text: string): boolean => parameterType(text) !== undefined;
