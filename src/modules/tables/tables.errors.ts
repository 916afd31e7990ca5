import { AppError, defineError } from '../../kernel/index.js';
import { constraintOf } from '../../database/index.js';

export const TABLE_NOT_FOUND = defineError({
  code: 'TABLE_NOT_FOUND',
  title: 'There is no such table',
  cause:
    'The tenant has no live table of this name. Tables of other tenants are never told apart from missing ones.',
  action: 'Check the name against `GET /v1/tables`, or create the table.',
  retryable: false,
  normal: true,
});

export const TABLE_ALREADY_EXISTS = defineError({
  code: 'TABLE_ALREADY_EXISTS',
  title: 'The table exists already',
  cause: 'The tenant has a live table of this name.',
  action: 'Choose another name, or drop the table first.',
  retryable: false,
  normal: true,
});

export const SCHEMA_VIOLATION = defineError({
  code: 'SCHEMA_VIOLATION',
  title: 'A record does not fit the schema of its table',
  cause:
    'A field has another type than its column, is missing or null where the column requires it, or has no column.',
  action:
    'Correct what `context.violations` names (the first 100) and send the request again. Nothing of it was kept.',
  retryable: false,
  normal: true,
});

export const SCHEMA_VERSION_CONFLICT = defineError({
  code: 'SCHEMA_VERSION_CONFLICT',
  title: 'The table is at another schema version',
  cause: 'The table was changed since the version that `If-Match` names.',
  action:
    'Get the table again, look whether the change is still what you want, and send it with the new `ETag`.',
  retryable: false,
  normal: true,
});

export const SCHEMA_INCOMPATIBLE = defineError({
  code: 'SCHEMA_INCOMPATIBLE',
  title: 'The schema cannot change in this way',
  cause:
    'The change does not go with rows that are stored, or the `compatibility_mode` of the table refuses it. `context.violations` names the columns and the rules.',
  action:
    'Make a change that `context.violations` allows. To break what the mode protects, set `compatibility_mode` to `none` in the same call.',
  retryable: false,
  normal: true,
});

/** A rule of the schema that a change breaks. */
export interface SchemaViolation {
  /** Where in the request; absent where the changes taken together break the rule. */
  readonly path?: string;
  readonly column: string;
  readonly rule: string;
  readonly message: string;
  /** What could be asked for instead. */
  readonly allowed?: readonly string[];
}

const SHOWN_VIOLATIONS = 100;

export function schemaIncompatible(
  tableName: string,
  first: SchemaViolation,
  others: readonly SchemaViolation[] = [],
  facts: Record<string, unknown> = {},
): AppError {
  const more = others.length > 0 ? `, and ${others.length} more` : '';
  const violations = [first, ...others].slice(0, SHOWN_VIOLATIONS);
  return new AppError(
    SCHEMA_INCOMPATIBLE,
    `Column "${first.column}" (${first.rule}): ${first.message}${more}.`,
    {
      context: { table: tableName, ...facts, violations },
    },
  );
}

/** The same for a table of another tenant. */
export const tableNotFound = (tableName: string): AppError =>
  new AppError(TABLE_NOT_FOUND, `There is no table "${tableName.slice(0, 64)}".`, {
    context: { table: tableName.slice(0, 64) },
  });

/** True where a statement failed because a live table has the name. */
export const isNameTaken = (error: unknown): boolean => constraintOf(error) === 'table_def_live_name';

export const tableAlreadyExists = (tableName: string, cause: unknown, hint?: string): AppError =>
  new AppError(
    TABLE_ALREADY_EXISTS,
    `There is a table "${tableName}" already.${hint === undefined ? '' : ` ${hint}`}`,
    { context: { table: tableName }, cause },
  );
