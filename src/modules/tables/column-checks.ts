import type { ScalarType } from '../../kernel/index.js';
import { isBase64 } from './binary-text.js';
import { decimalValueOf, numberToDecimalText, toDecimalText, toIntegerText } from './decimal-text.js';
import { ExactNumber } from './exact-number.js';
import { epochToInstantText, isDateText, toInstantText, toTimestampText, toTimeText } from './time-text.js';
import type { ViolationReport } from './violation.js';

/** What a check answers for a value that is not of its type. */
export const REFUSED: unique symbol = Symbol('refused');

/**
 * Answers the value as the body holds it, or `REFUSED`. Never called with null. A value that a check answered
 * passes the same check again, unchanged except for json. Objects and arrays of nested types are changed in place.
 */
export type ColumnCheck = (value: unknown) => unknown;

export interface CheckedType {
  readonly check: ColumnCheck;
  /** What passes, in words, for violations. */
  readonly rule: string;
  /** Of nested types: whether `check` would take the value. Changes nothing. */
  readonly accepts?: (value: unknown) => boolean;
  /** Of nested types: what is wrong inside of a value that was refused, one by one. Changes nothing. */
  readonly explain?: (value: unknown, report: ViolationReport) => void;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;
const LONG_DIGITS = 19;
const INTEGER_TEXT = /^-?(?:0|[1-9]\d*)$/;
const FLOAT_DIGITS = 9;

function checkInt(value: unknown): unknown {
  return typeof value === 'number' && (value | 0) === value ? value : REFUSED;
}

function checkLong(value: unknown): unknown {
  if (Number.isSafeInteger(value)) return value;
  if (typeof value === 'string' && !INTEGER_TEXT.test(value)) return REFUSED;
  const decimal = decimalValueOf(value);
  const text = decimal && toIntegerText(decimal, LONG_DIGITS);
  if (text === undefined) return REFUSED;
  const integer = BigInt(text);
  if (integer < LONG_MIN || integer > LONG_MAX) return REFUSED;
  const double = Number(text);
  return Number.isSafeInteger(double) ? double : text;
}

/** JSON has no numbers for these, so they are strings, here and in results. */
const isSpecial = (value: unknown): boolean =>
  value === 'NaN' || value === 'Infinity' || value === '-Infinity';

/** A fraction is rounded to the nearest double; an integer that would be is refused. */
function checkDouble(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : REFUSED;
  if (isSpecial(value)) return value;
  if (!(value instanceof ExactNumber) || value.value.exponent >= 0) return REFUSED;
  return Number(value.source);
}

/** As `checkDouble`, for 32 bits. Integers pass when they are the float or its shortest text. */
function checkFloat(value: unknown): unknown {
  const double = checkDouble(value);
  if (typeof double !== 'number') return double;
  const float = Math.fround(double);
  if (!Number.isFinite(float)) return REFUSED;
  if (float === double || !Number.isInteger(double)) return double;
  for (let digits = 6; digits <= FLOAT_DIGITS; digits++) {
    if (Number(float.toPrecision(digits)) === double) return double;
  }
  return REFUSED;
}

function checkUuid(value: unknown): unknown {
  if (typeof value !== 'string' || value.length !== 36) return REFUSED;
  if (UUID.test(value)) return value;
  const lower = value.toLowerCase();
  return UUID.test(lower) ? lower : REFUSED;
}

function checkTimestamptz(value: unknown): unknown {
  if (typeof value === 'string') return toInstantText(value) ?? REFUSED;
  return typeof value === 'number' ? (epochToInstantText(value) ?? REFUSED) : REFUSED;
}

function decimalCheck(precision: number, scale: number): ColumnCheck {
  return (value) => {
    if (typeof value === 'number') return numberToDecimalText(value, precision, scale) ?? REFUSED;
    const decimal = decimalValueOf(value);
    return (decimal && toDecimalText(decimal, precision, scale)) ?? REFUSED;
  };
}

const SIMPLE_CHECKS: { readonly [K in Exclude<ScalarType['kind'], 'decimal'>]: CheckedType } = {
  boolean: { check: (value) => (typeof value === 'boolean' ? value : REFUSED), rule: 'true or false' },
  int: { check: checkInt, rule: 'an integer from -2147483648 to 2147483647' },
  long: {
    check: checkLong,
    rule: 'an integer from -9223372036854775808 to 9223372036854775807, as a number or as a decimal string',
  },
  float: {
    check: checkFloat,
    rule: 'a number within the range of 32 bits, an integer exact in them, or "NaN", "Infinity" or "-Infinity"',
  },
  double: {
    check: checkDouble,
    rule: 'a number within the range of 64 bits, an integer exact in them, or "NaN", "Infinity" or "-Infinity"',
  },
  string: { check: (value) => (typeof value === 'string' ? value : REFUSED), rule: 'a string' },
  uuid: { check: checkUuid, rule: 'a UUID of 32 hex digits with hyphens, as a string' },
  binary: {
    check: (value) => (typeof value === 'string' && isBase64(value) ? value : REFUSED),
    rule: 'bytes in base64 with padding, as a string',
  },
  date: {
    check: (value) => (typeof value === 'string' && isDateText(value) ? value : REFUSED),
    rule: 'a date YYYY-MM-DD of the years 0001 to 9999, as a string',
  },
  time: {
    check: (value) => (typeof value === 'string' ? (toTimeText(value) ?? REFUSED) : REFUSED),
    rule: 'HH:MM:SS from 00:00:00 to 23:59:59.999999, to the microsecond at most, as a string',
  },
  timestamp: {
    check: (value) => (typeof value === 'string' ? (toTimestampText(value) ?? REFUSED) : REFUSED),
    rule: 'YYYY-MM-DDTHH:MM:SS without an offset, to the microsecond at most, as a string',
  },
  timestamptz: {
    check: checkTimestamptz,
    rule: 'an RFC 3339 time with an offset, to the microsecond at most, or whole milliseconds since 1970',
  },
  json: { check: (value) => JSON.stringify(value), rule: 'any JSON value' },
};

/** The check of a type that holds no others. */
export function scalarCheck(type: ScalarType): CheckedType {
  if (type.kind !== 'decimal') return SIMPLE_CHECKS[type.kind];
  const { precision, scale } = type;
  return {
    check: decimalCheck(precision, scale),
    rule: `a number or decimal string of at most ${precision - scale} digits before the point and ${scale} after it`,
  };
}
