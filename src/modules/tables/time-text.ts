const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const ZERO = 48;
/** Where the seconds of `YYYY-MM-DDTHH:MM:SS` end. */
const SECONDS_END = 19;

/** Earliest and latest instant that a column or an event time may hold, in milliseconds since the epoch. */
const MIN_INSTANT_MS = Date.parse('0001-01-01T00:00:00Z');
const MAX_INSTANT_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** The number in `text` at `at`, of `length` digits; NaN where there is anything else. */
function digitsAt(text: string, at: number, length: number): number {
  let value = 0;
  for (let i = at; i < at + length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return NaN;
    value = value * 10 + digit;
  }
  return value;
}

function isDateAt(text: string): boolean {
  const year = digitsAt(text, 0, 4);
  const month = digitsAt(text, 5, 2);
  const day = digitsAt(text, 8, 2);
  if (text[4] !== '-' || text[7] !== '-' || !(year >= 1 && month >= 1 && month <= 12 && day >= 1))
    return false;
  if (day > (DAYS[month - 1] ?? 0)) return false;
  return month !== 2 || day < 29 || (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0));
}

/** `YYYY-MM-DD` of the years 1 to 9999. */
export function isDateText(text: string): boolean {
  return text.length === 10 && isDateAt(text);
}

/** `HH:MM:SS` from `at` on. */
function isClockAt(text: string, at: number): boolean {
  return (
    text[at + 2] === ':' &&
    text[at + 5] === ':' &&
    digitsAt(text, at, 2) <= 23 &&
    digitsAt(text, at + 3, 2) <= 59 &&
    digitsAt(text, at + 6, 2) <= 59
  );
}

/** A date and a time of day, up to the fraction. */
function isDateTimeAt(text: string): boolean {
  return (text[10] === 'T' || text[10] === 't') && isDateAt(text) && isClockAt(text, 11);
}

/** Where the fraction that may begin at `start` ends; -1 when it is finer than microseconds or has no digits. */
function fractionEnd(text: string, start: number): number {
  if (text[start] !== '.') return start;
  let end = start + 1;
  for (; end < text.length; end++) {
    const digit = text.charCodeAt(end) - ZERO;
    if (!(digit >= 0 && digit <= 9)) break;
    if (end >= start + 7 && digit !== 0) return -1;
  }
  return end === start + 1 ? -1 : end;
}

/** The fraction as the canonical form has it: none, or a point and six digits. */
function canonicalFraction(text: string, start: number, end: number): string {
  if (end === start) return '';
  const digits = text.slice(start + 1, Math.min(end, start + 7)).padEnd(6, '0');
  return digits === '000000' ? '' : `.${digits}`;
}

/** `HH:MM:SS[.ffffff]` in canonical form; undefined for all else. */
export function toTimeText(text: string): string | undefined {
  if (text.length < 8 || !isClockAt(text, 0)) return undefined;
  const end = fractionEnd(text, 8);
  return end === text.length ? text.slice(0, 8) + canonicalFraction(text, 8, end) : undefined;
}

/** `YYYY-MM-DDTHH:MM:SS[.ffffff]` without an offset, in canonical form; undefined for all else. */
export function toTimestampText(text: string): string | undefined {
  if (text.length < 19 || !isDateTimeAt(text)) return undefined;
  const end = fractionEnd(text, SECONDS_END);
  if (end !== text.length) return undefined;
  return `${text.slice(0, 10)}T${text.slice(11, 19)}${canonicalFraction(text, SECONDS_END, end)}`;
}

/** Minutes east of UTC of the offset that `text` has from `at` to its end; NaN when that is no RFC 3339 offset. */
function offsetMinutes(text: string, at: number): number {
  const sign = text[at];
  if (sign === 'Z' || sign === 'z') return text.length === at + 1 ? 0 : NaN;
  if ((sign !== '+' && sign !== '-') || text.length !== at + 6 || text[at + 3] !== ':') return NaN;
  const hours = digitsAt(text, at + 1, 2);
  const minutes = digitsAt(text, at + 4, 2);
  if (!(hours <= 23 && minutes <= 59)) return NaN;
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes);
}

/**
 * An RFC 3339 time as `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`; undefined for all else: no offset, finer than microseconds,
 * a leap second, or outside the years 1 to 9999 in UTC.
 */
export function toInstantText(text: string): string | undefined {
  if (text.length < 20 || !isDateTimeAt(text)) return undefined;
  const end = fractionEnd(text, SECONDS_END);
  const offset = end < 0 ? NaN : offsetMinutes(text, end);
  if (Number.isNaN(offset)) return undefined;
  const fraction = canonicalFraction(text, SECONDS_END, end);
  if (offset === 0) return `${text.slice(0, 10)}T${text.slice(11, 19)}${fraction}Z`;
  const ms = Date.parse(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`) - offset * 60_000;
  if (ms < MIN_INSTANT_MS || ms > MAX_INSTANT_MS) return undefined;
  return `${new Date(ms).toISOString().slice(0, 19)}${fraction}Z`;
}

/** Milliseconds since the epoch as `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`; undefined outside the years 1 to 9999. */
export function epochToInstantText(ms: number): string | undefined {
  if (!Number.isInteger(ms) || ms < MIN_INSTANT_MS || ms > MAX_INSTANT_MS) return undefined;
  const text = new Date(ms).toISOString();
  return text.endsWith('.000Z') ? `${text.slice(0, 19)}Z` : `${text.slice(0, 23)}000Z`;
}
