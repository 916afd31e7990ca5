import { defineError } from './app-error.js';

export const REQUEST_INVALID = defineError({
  code: 'REQUEST_INVALID',
  title: 'The request is not valid',
  cause: 'A field, parameter or body is missing, malformed or not supported.',
  action: 'Correct what `context.violations` names and send it again.',
  retryable: false,
  normal: true,
});

export const UNSUPPORTED_MEDIA_TYPE = defineError({
  code: 'UNSUPPORTED_MEDIA_TYPE',
  title: 'The content type or encoding is not supported',
  cause: 'The body has a `Content-Type` or `Content-Encoding` that this call does not take.',
  action: 'Send application/json or application/x-ndjson, plain, gzip or zstd.',
  retryable: false,
  normal: true,
});

export const PAYLOAD_TOO_LARGE = defineError({
  code: 'PAYLOAD_TOO_LARGE',
  title: 'The body is too large',
  cause: 'The body, as sent or after decompression, is over the limit.',
  action: 'Split it into smaller requests. `context.max_bytes` has the limit.',
  retryable: false,
  normal: true,
});

export const NOT_FOUND = defineError({
  code: 'NOT_FOUND',
  title: 'Not found',
  cause: 'There is no such path or resource, or it belongs to another tenant.',
  action: 'Check the path and the id.',
  retryable: false,
  normal: true,
});

export const SERVER_BUSY = defineError({
  code: 'SERVER_BUSY',
  title: 'The server is busy',
  cause: 'This process is full or is shutting down.',
  action: 'Send it again after `Retry-After` seconds.',
  retryable: true,
  normal: true,
});

export const QUEUE_FULL = defineError({
  code: 'QUEUE_FULL',
  title: 'Too much of this tenant is waiting',
  cause:
    'The tenant has more acknowledged events that are not visible yet, more requests under way, or more bytes in memory than its share; or all query workers are busy and the queue before them is full. Nothing of the request was kept.',
  action:
    'Send it again after `Retry-After` seconds, with a back-off. `GET /v1/me` shows the limit of pending events and what is left.',
  retryable: true,
  normal: true,
});

export const DEPENDENCY_UNAVAILABLE = defineError({
  code: 'DEPENDENCY_UNAVAILABLE',
  title: 'A dependency is not available',
  cause: 'Postgres or the object store could not be reached or did not answer in time.',
  action: 'Send it again after `Retry-After` seconds. Operators: see /v1/ready.',
  retryable: true,
  normal: false,
});

export const INTERNAL = defineError({
  code: 'INTERNAL',
  title: 'Internal error',
  cause: 'A fault in Tidemark.',
  action: 'Report it with its `trace_id`; the log has the cause under that id.',
  retryable: true,
  normal: false,
});
