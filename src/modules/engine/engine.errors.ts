import { defineError } from '../../kernel/index.js';

export const SQL_INVALID = defineError({
  code: 'SQL_INVALID',
  title: 'The SQL is not valid',
  cause:
    'The statement does not parse, names what does not exist, or fails on the data, such as a cast that cannot be made.',
  action: 'Correct the statement. `context.position` counts characters from 1, where it is known.',
  retryable: false,
  normal: true,
});

export const SQL_NOT_ALLOWED = defineError({
  code: 'SQL_NOT_ALLOWED',
  title: 'The SQL is not allowed',
  cause:
    'The statement is not a single SELECT over the tables of the tenant, or calls a function that is not allowed. Nothing was run.',
  action: 'Take out what `context.name` says, at `context.position`.',
  retryable: false,
  normal: true,
});

export const QUERY_TIMEOUT = defineError({
  code: 'QUERY_TIMEOUT',
  title: 'The query took too long',
  cause: 'The query ran into `timeout_ms` or the limit of the server and was stopped.',
  action: 'Read fewer rows or columns, or allow more time.',
  retryable: false,
  normal: true,
});

export const QUERY_TOO_LARGE = defineError({
  code: 'QUERY_TOO_LARGE',
  title: 'The answer is too large',
  cause: 'The rows of the answer have more bytes than one answer may have.',
  action: 'Ask for fewer columns or rows, or aggregate. `context.max_bytes` has the limit.',
  retryable: false,
  normal: true,
});

export const QUERY_MEMORY_EXCEEDED = defineError({
  code: 'QUERY_MEMORY_EXCEEDED',
  title: 'The query needs too much memory',
  cause: 'The query needed more memory than one query may have and was stopped.',
  action: 'Group by fewer values, sort or join fewer rows, or build shorter strings and lists.',
  retryable: false,
  normal: true,
});
