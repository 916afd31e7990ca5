import { defineError } from '../../kernel/index.js';

export const IDEMPOTENCY_KEY_REUSED = defineError({
  code: 'IDEMPOTENCY_KEY_REUSED',
  title: 'The idempotency key was used for other content',
  cause: 'Within its window a key was sent again with another op, event time or payload.',
  action:
    'Use a new key for new content, or send the original content again. Nothing of this request was kept.',
  retryable: false,
  normal: true,
});
