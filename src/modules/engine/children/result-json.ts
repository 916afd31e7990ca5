import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { ResultValue } from '../query-engine.js';
import { dateText, timestampText, timeText } from './civil-time.js';

const MAX_MICROS = 2n ** 63n - 1n;
const MAX_DAYS = 2 ** 31 - 1;

/** A value of a result in JSON, without loss. The rules are in the module's README. */
export function jsonValue(value: DuckDBValue): ResultValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return integer(value);
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)
    return value.items.map(jsonValue);
  if (value instanceof DuckDBStructValue) return structValue(value.entries);
  if (value instanceof DuckDBMapValue) {
    return value.entries.map((entry) => ({ key: jsonValue(entry.key), value: jsonValue(entry.value) }));
  }
  if (value instanceof DuckDBUnionValue) return jsonValue(value.value);
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  return timeValue(value) ?? value.toString();
}

/** Times as text; undefined for other values. */
function timeValue(value: DuckDBValue): string | undefined {
  if (value instanceof DuckDBTimestampTZValue) return micros(value.micros, 'Z');
  if (value instanceof DuckDBTimestampValue) return micros(value.micros);
  if (value instanceof DuckDBTimestampMillisecondsValue)
    return endless(value.millis) ?? timestampText(value.millis * 1000n);
  if (value instanceof DuckDBTimestampSecondsValue)
    return endless(value.seconds) ?? timestampText(value.seconds * 1_000_000n);
  if (value instanceof DuckDBTimestampNanosecondsValue) return nanos(value.nanos);
  if (value instanceof DuckDBTimeValue) return timeText(value.micros);
  if (!(value instanceof DuckDBDateValue)) return undefined;
  if (Math.abs(value.days) === MAX_DAYS) return value.days > 0 ? 'infinity' : '-infinity';
  return dateText(value.days);
}

/** Every integer type alike: a number as long as JSON readers keep it exact, else its digits. */
function integer(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function endless(value: bigint): string | undefined {
  if (value === MAX_MICROS) return 'infinity';
  return value === -MAX_MICROS ? '-infinity' : undefined;
}

const micros = (value: bigint, zone = ''): string => endless(value) ?? timestampText(value) + zone;

function nanos(value: bigint): string {
  const rest = ((value % 1000n) + 1000n) % 1000n;
  return endless(value) ?? timestampText((value - rest) / 1000n) + String(rest).padStart(3, '0');
}

/** Objects, but arrays for structs without names, such as `row(1, 2)`. */
function structValue(entries: Readonly<Record<string, DuckDBValue>>): ResultValue {
  const pairs = Object.entries(entries);
  if (pairs.every(([name]) => name === '')) return pairs.map(([, value]) => jsonValue(value));
  const object: Record<string, ResultValue> = {};
  for (const [name, value] of pairs) {
    Object.defineProperty(object, name, {
      value: jsonValue(value),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}
