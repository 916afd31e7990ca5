import { defineError } from '../../kernel/index.js';

export const IDEMPOTENCY_KEY_REQUIRED = defineError({
  code: 'IDEMPOTENCY_KEY_REQUIRED',
  title: 'A record has no idempotency key',
  cause: 'A record has no `idempotency_key` and the request has no `Idempotency-Key` header.',
  action: 'Give each record a key of its own, or cover the request with the header.',
  retryable: false,
  normal: true,
});
