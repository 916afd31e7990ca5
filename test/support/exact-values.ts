import type { ResultValue } from '../../src/modules/engine/index.js';

/** The JSON mapping of results, written anew from its documentation: what tests hold the service against. */

export const integerValue = (value: bigint): ResultValue =>
  value >= -(2n ** 53n) + 1n && value <= 2n ** 53n - 1n ? Number(value) : String(value);

export function doubleValue(value: number): ResultValue {
  return Number.isFinite(value) ? value + 0 : String(value);
}

export function decimalValue(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const text = scale === 0 ? whole : `${whole}.${digits.slice(digits.length - scale)}`;
  return unscaled < 0n ? `-${text}` : text;
}

export const binaryValue = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Days since 1970-01-01, of the years 1 to 9999. */
export const dateValue = (days: number): string => new Date(days * 86_400_000).toISOString().slice(0, 10);

/** Microseconds since midnight. */
export const timeValue = (micros: bigint): string => timestampValue(micros).slice('1970-01-01T'.length);

/** Microseconds since 1970, of the years 1 to 9999. */
export function timestampValue(micros: bigint): string {
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - rest) / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(rest).padStart(6, '0')}`;
}
