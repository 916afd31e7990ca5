import { defineError } from '../../kernel/index.js';

export const SNAPSHOT_NOT_FOUND = defineError({
  code: 'SNAPSHOT_NOT_FOUND',
  title: 'There is no such snapshot',
  cause: 'The snapshot id is not one of this tenant, or the time lies before its first snapshot.',
  action: 'List the snapshots with GET /v1/snapshots.',
  retryable: false,
  normal: true,
});

export const SNAPSHOT_EXPIRED = defineError({
  code: 'SNAPSHOT_EXPIRED',
  title: 'The snapshot has expired',
  cause: 'The snapshot is past its retention and its files may be gone.',
  action: 'Use a newer snapshot. Pin a snapshot that must be kept.',
  retryable: false,
  normal: true,
});

export const CONSISTENCY_TIMEOUT = defineError({
  code: 'CONSISTENCY_TIMEOUT',
  title: 'The write did not become visible in time',
  cause: 'The watermark did not reach `min_visibility_token` within `consistency_timeout_ms`.',
  action: 'Send it again, with a longer timeout. Operators: see the lag of the coordinator.',
  retryable: true,
  normal: true,
});

export const VISIBILITY_TOKEN_INVALID = defineError({
  code: 'VISIBILITY_TOKEN_INVALID',
  title: 'The visibility token was never issued',
  cause: 'The token is above every token that this tenant was given.',
  action: 'Use the `max_visibility_token` of a write of this tenant, unchanged.',
  retryable: false,
  normal: true,
});
