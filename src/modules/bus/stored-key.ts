import { hash } from 'node:crypto';

/** `record` keys cover one record, `request` keys (the `Idempotency-Key` header) a whole request. */
export type KeyKind = 'record' | 'request';

/** Part of every hash, so that the form can change without two forms meeting in one window. */
const FORM = 1;
const SUFFIX_LENGTH = 4;

/**
 * The ledger's 128-bit key, as 32 hex digits: 32 bits over the key without its last four characters, then 96 bits
 * over form, table, kind and key. Keys that count up share their first half, so they touch few index pages.
 */
export function storedKey(tableId: number, kind: KeyKind, key: string): string {
  const locality = fnv1a(key, Math.max(0, key.length - SUFFIX_LENGTH));
  return (
    locality.toString(16).padStart(8, '0') +
    hash('sha256', `${FORM}:${tableId}:${kind}:${key}`, 'hex').slice(0, 24)
  );
}

/** 32-bit FNV-1a over the first `length` UTF-16 units (Fowler, Noll, Vo). It spreads keys; nothing relies on it. */
function fnv1a(text: string, length: number): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return state >>> 0;
}

/** 128 bits, in hex, over the (position, content hash) pairs of the records that a request's key covers. */
export function coveredHash(pairs: readonly string[]): string {
  return hash('sha256', pairs.join(','), 'hex').slice(0, 32);
}

/** The key of a record that the request's key covers. `position` counts all records of the request from 0. */
export function coveredKey(requestKey: string, position: number): string {
  return `${requestKey}#${position}`;
}
