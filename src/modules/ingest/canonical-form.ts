import { hash } from 'node:crypto';
import { ExactNumber } from '../tables/index.js';
import { MAX_PAYLOAD_CHARS } from './ingest-limits.js';

/** Thrown for a value whose JSON text, as sent, is longer than `MAX_PAYLOAD_CHARS`. */
export class ValueTooLongError extends Error {}

/** No value's form is more than twice as long as its JSON text. */
const MAX_FORM_CHARS = 2 * MAX_PAYLOAD_CHARS;
/** A member takes 5 characters at least: two quotes, a colon, a value and a comma. */
const MAX_MEMBERS = MAX_PAYLOAD_CHARS / 5;

/**
 * Writes JSON values in a form that is the same for equal values and differs for different ones. Objects are equal
 * without regard to the order of their keys, numbers by their exact value (1, 1.0 and 1e0 are one), strings by their
 * UTF-16 code units. Every part says its length, so that no two values run together. Throws `ValueTooLongError`.
 */
export class CanonicalWriter {
  /** Members of all objects written so far. */
  members = 0;
  /** For each depth the keys last met there and their order: events of one kind repeat them. */
  private readonly orders: { readonly keys: readonly string[]; readonly sorted: readonly string[] }[] = [];

  write(value: unknown, depth = 0): string {
    if (typeof value === 'string') return `s${value.length}:${value}`;
    // The shortest text of a double; -0 is 0.
    if (typeof value === 'number') return `n${value};`;
    if (value === null) return 'z';
    if (typeof value === 'boolean') return value ? 't' : 'f';
    if (Array.isArray(value)) {
      let text = `a${value.length}:`;
      for (const element of value) {
        text += this.write(element, depth + 1);
        if (text.length > MAX_FORM_CHARS) throw new ValueTooLongError();
      }
      return text;
    }
    if (value instanceof ExactNumber) {
      const { negative, digits, exponent } = value.value;
      return `x${negative ? '-' : ''}${digits}e${exponent};`;
    }
    return this.writeObject(value as Record<string, unknown>, depth);
  }

  private writeObject(object: Record<string, unknown>, depth: number): string {
    const keys = this.sortedKeys(object, depth);
    this.members += keys.length;
    let text = `o${keys.length}:`;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      text += `${key.length}:${key}${this.write(object[key], depth + 1)}`;
      if (text.length > MAX_FORM_CHARS) throw new ValueTooLongError();
    }
    return text;
  }

  private sortedKeys(object: object, depth: number): readonly string[] {
    const keys = Object.keys(object);
    if (keys.length > MAX_MEMBERS) throw new ValueTooLongError();
    const last = this.orders[depth];
    if (last !== undefined && last.keys.length === keys.length) {
      let i = 0;
      while (i < keys.length && keys[i] === last.keys[i]) i++;
      if (i === keys.length) return last.sorted;
    }
    const sorted = [...keys].sort();
    this.orders[depth] = { keys, sorted };
    return sorted;
  }
}

/** 128 bits in hex: SHA-256, cut. What a repeat of an idempotency key is held against. */
export function contentHash(op: string, eventTime: string | undefined, canonicalPayload: string): string {
  return hash('sha256', `1|${op}|${eventTime ?? ''}|${canonicalPayload}`, 'hex').slice(0, 32);
}
