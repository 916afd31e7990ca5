import { defineError } from '../../kernel/index.js';

export const IDEMPOTENCY_KEY_REQUIRED = defineError({
  code: 'IDEMPOTENCY_KEY_REQUIRED',
  title: 'A record has no idempotency key',
  cause: 'A record has no `idempotency_key` and the request has no `Idempotency-Key` header.',
  action: 'Give each record a key of its own, or cover the request with the header.',
  retryable: false,
  normal: true,
});

export const PRIMARY_KEY_REQUIRED = defineError({
  code: 'PRIMARY_KEY_REQUIRED',
  title: 'The table has no primary key',
  cause: 'A record asks for an upsert or a delete, and the table was created without `primary_key_cols`.',
  action:
    'Send inserts, or write to a table that was created with a primary key. A key cannot be added later.',
  retryable: false,
  normal: true,
});
