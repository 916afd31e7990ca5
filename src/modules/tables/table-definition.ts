import {
  AppError,
  FIRST_USER_FIELD_ID,
  parseColumnType,
  REQUEST_INVALID,
  SIMPLE_TYPES,
  type Column,
} from '../../kernel/index.js';
import type { WindowClass } from '../bus/index.js';
import { checkedTypeOf, REFUSED } from './column-checks.js';
import type { CompatibilityMode } from './compatibility.js';
import { describeFound } from './violation.js';

export const TABLE_NAME = /^[a-z][a-z0-9_]{0,62}$/;
export const MAX_COLUMNS = 2_000;
const MAX_NAME_CHARS = 128;
const MAX_DOC_CHARS = 1_000;
/** Of a default, as JSON: it is written into every event that lacks the column. */
const MAX_DEFAULT_CHARS = 4_096;
const MAX_VIOLATIONS = 100;

/** A column as a client defines it. Null is absent. */
export interface ColumnRequest {
  readonly name: string;
  readonly type: string;
  readonly nullable?: boolean | null | undefined;
  readonly default?: unknown;
  readonly doc?: string | null | undefined;
}

export interface TableRequest {
  readonly tableName: string;
  readonly columns: readonly ColumnRequest[];
  readonly idempotencyWindow?: WindowClass | null | undefined;
  readonly compatibilityMode?: CompatibilityMode | null | undefined;
}

/** A table that may be created: its columns have their field ids. */
export interface TableDefinition {
  readonly tableName: string;
  readonly columns: readonly Column[];
  readonly idempotencyWindow: WindowClass;
  readonly compatibilityMode: CompatibilityMode;
}

export interface Violation {
  readonly path: string;
  readonly message: string;
}

/** Throws REQUEST_INVALID with every rule that the request breaks. */
export function defineTable(request: TableRequest): TableDefinition {
  const { tableName, columns } = request;
  const violations: Violation[] = [];
  if (!TABLE_NAME.test(tableName)) {
    violations.push({ path: '$.table_name', message: `must match ${TABLE_NAME.source}` });
  }
  if (columns.length === 0 || columns.length > MAX_COLUMNS) {
    violations.push({ path: '$.schema.columns', message: `must have 1 to ${MAX_COLUMNS} columns` });
  } else {
    violations.push(
      ...columns.flatMap((column, index) => violationsOf(column, `$.schema.columns[${index}]`)),
    );
    violations.push(...repeatedNames(columns));
  }
  const [first] = violations;
  if (first !== undefined) {
    const more = violations.length > 1 ? `, and ${violations.length - 1} more` : '';
    throw new AppError(REQUEST_INVALID, `${first.path}: ${first.message}${more}.`, {
      context: { violations: violations.slice(0, MAX_VIOLATIONS) },
    });
  }
  return {
    tableName,
    idempotencyWindow: request.idempotencyWindow ?? '24h',
    compatibilityMode: request.compatibilityMode ?? 'none',
    columns: columns.map((column, index) => toColumn(column, FIRST_USER_FIELD_ID + index)),
  };
}

export function toColumn({ name, type, nullable, default: filling, doc }: ColumnRequest, id: number): Column {
  return {
    id,
    name,
    type: type.replaceAll(/\s/g, ''),
    nullable: nullable ?? true,
    ...(filling !== undefined && filling !== null && { default: filling }),
    ...(doc !== undefined && doc !== null && { doc }),
  };
}

/** Every rule that the column's definition breaks, at `path`. */
export function violationsOf(column: ColumnRequest, path: string): Violation[] {
  if (typeof column.name !== 'string' || typeof column.type !== 'string') {
    return [{ path, message: 'must be an object with name and type' }];
  }
  const violations: Violation[] = [];
  const nameFault = faultOfName(column.name);
  if (nameFault !== undefined) violations.push({ path: `${path}.name`, message: nameFault });
  if (parseColumnType(column.type) === undefined) {
    const types = [...SIMPLE_TYPES, 'decimal(p,s)'].join(', ');
    violations.push({
      path: `${path}.type`,
      message: `must be one of ${types} with 1 <= p <= 38 and 0 <= s <= p`,
    });
  } else {
    const defaultFault = faultOfDefault(column);
    if (defaultFault !== undefined) violations.push({ path: `${path}.default`, message: defaultFault });
  }
  if (column.doc !== undefined && column.doc !== null && !isPlainText(column.doc, MAX_DOC_CHARS)) {
    violations.push({
      path: `${path}.doc`,
      message: `must have at most ${MAX_DOC_CHARS} characters, and no NUL`,
    });
  }
  return violations;
}

/** DuckDB takes names that differ in case alone for one. */
function repeatedNames(columns: readonly ColumnRequest[]): Violation[] {
  const firstAt = new Map<string, number>();
  return columns.flatMap(({ name }, index) => {
    if (typeof name !== 'string') return [];
    const folded = name.normalize('NFC').toLowerCase();
    const first = firstAt.get(folded);
    if (first === undefined) {
      firstAt.set(folded, index);
      return [];
    }
    const message = `has the name of column ${first}; names must differ in more than case`;
    return [{ path: `$.schema.columns[${index}].name`, message }];
  });
}

/** Why a column cannot have this name; undefined when it can. */
function faultOfName(name: string): string | undefined {
  if (name === '' || [...name].length > MAX_NAME_CHARS) return `must have 1 to ${MAX_NAME_CHARS} characters`;
  if (/[\p{Cc}\p{Cs}]/u.test(name)) return 'must not have control characters';
  if (name.startsWith('_')) return 'must not begin with "_"; those names are reserved';
  if (name.normalize('NFC') !== name) return 'must be in Unicode normal form C';
  return undefined;
}

function faultOfDefault({ type, default: filling }: ColumnRequest): string | undefined {
  if (filling === undefined || filling === null) return undefined;
  const { check, rule } = checkedTypeOf(type);
  const text = JSON.stringify(filling);
  if (text.length > MAX_DEFAULT_CHARS) return `must have at most ${MAX_DEFAULT_CHARS} characters as JSON`;
  if (holdsRoundedInteger(filling)) return 'has an integer beyond 2^53: write it as a string';
  if (!isStorable(filling)) return 'must not have NUL or half of a surrogate pair';
  return check(filling) === REFUSED ? `must be ${rule}; found ${describeFound(filling)}` : undefined;
}

/** This body was parsed into doubles, so an integer beyond 2^53 may not be what was sent. */
function holdsRoundedInteger(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsRoundedInteger);
}

/** False for text that the catalog's jsonb refuses. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return isPlainText(value, Infinity);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, member]) => isPlainText(key, Infinity) && isStorable(member));
}

function isPlainText(text: string, maxChars: number): boolean {
  return text.length <= maxChars && !text.includes('\0') && text.isWellFormed();
}
