import { isUtf8 } from 'node:buffer';
import { REQUEST_INVALID } from '../../kernel/index.js';
import { MAX_KEY_BYTES } from './ingest-limits.js';
import { refusal } from './request-violations.js';
import { isIdempotencyKey } from './sent-record.js';

/** The `Idempotency-Key` header; undefined where there is none. Throws REQUEST_INVALID. */
export function readRequestKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  // Node reads the bytes of a header as Latin-1.
  const bytes = Buffer.from(header, 'latin1');
  const key = bytes.toString('utf8');
  if (isUtf8(bytes) && isIdempotencyKey(key)) return key;
  throw refusal(REQUEST_INVALID, {
    path: 'Idempotency-Key',
    message: `must have 1 to ${MAX_KEY_BYTES} bytes of UTF-8`,
  });
}
