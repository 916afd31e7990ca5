import { describeFound, isJsonObject, memberPath, toInstantText } from '../tables/index.js';
import type { EventOp } from '../bus/index.js';
import { MAX_KEY_BYTES } from './ingest-limits.js';

/** A record whose own fields are right. Its payload is still as sent. */
export interface SentRecord {
  readonly key: string | undefined;
  readonly op: EventOp;
  readonly eventTime: string | undefined;
  readonly payload: Record<string, unknown>;
}

export interface FieldFault {
  /** The field below the record: `.op`. */
  readonly path: string;
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
}

const FIELDS = new Set(['idempotency_key', 'op', 'event_time', 'payload']);
const KEY_RULE = `a string of 1 to ${MAX_KEY_BYTES} bytes without NUL`;
const OPS = ['insert', 'upsert', 'delete'] as const satisfies readonly EventOp[];

/** Reads one record; undefined after `refuse` was called for each field that is wrong. */
export function readRecord(sent: unknown, refuse: (fault: FieldFault) => void): SentRecord | undefined {
  if (!isJsonObject(sent)) {
    refuse({
      path: '',
      message: 'a record must be an object',
      expected: 'object',
      found: describeFound(sent),
    });
    return undefined;
  }
  const { idempotency_key: key, op, event_time: time, payload } = sent;
  const known = +(key !== undefined) + +(op !== undefined) + +(time !== undefined) + +(payload !== undefined);
  const eventTime = typeof time === 'string' ? toInstantText(time) : undefined;
  if (
    (op === undefined || isOp(op)) &&
    (key === undefined || isIdempotencyKey(key)) &&
    (time === undefined || eventTime !== undefined) &&
    isJsonObject(payload) &&
    known === Object.keys(sent).length
  ) {
    return { key, op: op ?? 'insert', eventTime, payload };
  }
  explain(sent, refuse);
  return undefined;
}

/** 1 to 512 bytes of UTF-8 without NUL or a half of a surrogate pair. */
export function isIdempotencyKey(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_KEY_BYTES) return false;
  // A UTF-16 unit takes 3 bytes at most.
  if (value.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(value) > MAX_KEY_BYTES) return false;
  return !value.includes('\0') && value.isWellFormed();
}

/** Whether a record may ask for it; the table may not take it. */
export const isOp = (value: unknown): value is EventOp => OPS.some((op) => op === value);

/** Of an op that its table does not take. */
export const noKeyFault = (op: EventOp): FieldFault => ({
  path: '.op',
  message: `the table has no primary key, so it takes insert only; ${op} needs a table that is created with "primary_key_cols"`,
  expected: 'insert',
  found: describeFound(op),
});

function explain(sent: Record<string, unknown>, refuse: (fault: FieldFault) => void): void {
  const { idempotency_key: key, op, event_time: time, payload } = sent;
  if (key !== undefined && !isIdempotencyKey(key)) {
    refuse({
      path: '.idempotency_key',
      message: `must be ${KEY_RULE}`,
      expected: 'string',
      found: describeFound(key),
    });
  }
  if (op !== undefined && !isOp(op)) {
    const expected = OPS.join(', ');
    refuse({ path: '.op', message: `must be one of ${expected}`, expected, found: describeFound(op) });
  }
  if (time !== undefined && (typeof time !== 'string' || toInstantText(time) === undefined)) {
    const message =
      'must be an RFC 3339 time with an offset, to the microsecond at most, of the years 0001 to 9999';
    refuse({ path: '.event_time', message, expected: 'RFC 3339 time', found: describeFound(time) });
  }
  if (!isJsonObject(payload)) {
    refuse({
      path: '.payload',
      message: 'must be an object',
      expected: 'object',
      found: describeFound(payload),
    });
  }
  for (const name of Object.keys(sent)) {
    if (FIELDS.has(name)) continue;
    refuse({
      path: memberPath(name),
      message: 'a record has no such field',
      found: describeFound(sent[name]),
    });
  }
}
