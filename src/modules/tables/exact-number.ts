/** A decimal value: `digits` × 10^`exponent`. `digits` has no zeros at either end; zero is `0` × 10^0. */
export interface DecimalValue {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

const NUMBER_TEXT = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Reads a JSON number's text exactly; undefined when it is not one. */
export function readDecimal(text: string): DecimalValue | undefined {
  const match = NUMBER_TEXT.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', power = '0'] = match;
  const all = whole + fraction;
  let start = 0;
  let end = all.length;
  while (start < end && all[start] === '0') start++;
  while (end > start && all[end - 1] === '0') end--;
  if (start === end) return { negative: false, digits: '0', exponent: 0 };
  const exponent = Number(power) - fraction.length + (all.length - end);
  return { negative: sign === '-', digits: all.slice(start, end), exponent };
}

const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };

/**
 * A JSON number that a double would round. It keeps the digits that were sent; `JSON.stringify` writes them back.
 */
export class ExactNumber {
  constructor(
    /** The digits as they were sent. */
    readonly source: string,
    readonly value: DecimalValue,
  ) {}

  toJSON(): unknown {
    return rawJSON(this.source);
  }
}

/** The double where its shortest text has the same value as `source`, else the digits themselves. */
export function toExactNumber(source: string, double: number): number | ExactNumber {
  const sent = readDecimal(source);
  const kept = readDecimal(String(double));
  if (sent === undefined || kept === undefined) throw new Error(`not a finite JSON number: ${source}`);
  const same =
    sent.digits === kept.digits && sent.exponent === kept.exponent && sent.negative === kept.negative;
  return same ? double : new ExactNumber(source, sent);
}

/** True for an object of a JSON text that was parsed without loss. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
  );
}
