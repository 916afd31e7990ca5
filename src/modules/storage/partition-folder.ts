import { createHash } from 'node:crypto';

const MAX_NAME_CHARS = 40;
const MAX_VALUE_CHARS = 80;
const NULL_VALUE = '.null';

/**
 * `name=value` as one segment of an object key, for people who browse: nothing reads values back from keys. Any text is
 * safe. Bytes but ASCII letters, digits, "-" and "_" are written as "." and two hex digits; long text is cut, and gets a
 * hash then. Null is `.null`, which no text is.
 */
export function partitionFolder(name: string, value: string | null): string {
  return `${encoded(name, MAX_NAME_CHARS)}=${value === null ? NULL_VALUE : encoded(value, MAX_VALUE_CHARS)}`;
}

function encoded(text: string, maxChars: number): string {
  const whole = Array.from(Buffer.from(text, 'utf8').subarray(0, maxChars + 1), encodedByte).join('');
  if (whole.length <= maxChars) return whole;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${whole.slice(0, maxChars - hash.length - 1).replace(/\.[0-9A-F]?$/, '')}-${hash}`;
}

function encodedByte(byte: number): string {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9_-]/.test(character) ? character : `.${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
