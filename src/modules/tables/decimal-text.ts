import { ExactNumber, readDecimal, type DecimalValue } from './exact-number.js';

/** The decimal value of a JSON number, or of a string that holds one; undefined for all else. */
export function decimalValueOf(value: unknown): DecimalValue | undefined {
  if (typeof value === 'number') return readDecimal(String(value));
  if (typeof value === 'string') return readDecimal(value);
  return value instanceof ExactNumber ? value.value : undefined;
}

/** `value` with exactly `scale` digits after the point; undefined when digits would be lost or do not fit. */
export function toDecimalText(value: DecimalValue, precision: number, scale: number): string | undefined {
  const { negative, digits, exponent } = value;
  if (digits === '0') return scale === 0 ? '0' : `0.${'0'.repeat(scale)}`;
  const padding = exponent + scale;
  // Both bounds are checked before any padding, so that 1e999999999 costs nothing.
  if (padding < 0 || digits.length + padding > precision) return undefined;
  const unscaled = (digits + '0'.repeat(padding)).padStart(scale + 1, '0');
  const point = unscaled.length - scale;
  const text = scale === 0 ? unscaled : `${unscaled.slice(0, point)}.${unscaled.slice(point)}`;
  return negative ? `-${text}` : text;
}

/** As `toDecimalText` for a double, whose value is that of its shortest text. */
export function numberToDecimalText(double: number, precision: number, scale: number): string | undefined {
  const text = String(double);
  if (text.includes('e')) {
    const value = readDecimal(text);
    return value && toDecimalText(value, precision, scale);
  }
  const point = text.indexOf('.');
  const wholeEnd = point === -1 ? text.length : point;
  const wholeStart = double < 0 ? 1 : 0;
  const wholeDigits = text[wholeStart] === '0' ? 0 : wholeEnd - wholeStart;
  const missing = scale - (point === -1 ? 0 : text.length - point - 1);
  // The shortest text has no zeros at its end: a digit too many is one that would be rounded away.
  if (missing < 0 || wholeDigits > precision - scale || !Number.isFinite(double)) return undefined;
  if (missing === 0) return text;
  return `${text}${point === -1 ? '.' : ''}${'0'.repeat(missing)}`;
}

/** The text of an integer of at most `maxDigits` digits, without an exponent; undefined for all else. */
export function toIntegerText(value: DecimalValue, maxDigits: number): string | undefined {
  return toDecimalText(value, maxDigits, 0);
}
