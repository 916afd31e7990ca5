import { AppError, defineError } from '../../kernel/index.js';

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

/** The same for a table of another tenant. */
export const tableNotFound = (tableName: string): AppError =>
  new AppError(TABLE_NOT_FOUND, `There is no table "${tableName.slice(0, 64)}".`, {
    context: { table: tableName.slice(0, 64) },
  });
