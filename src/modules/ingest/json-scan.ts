/** What one pass over the raw bytes of a JSON text tells. Exact for well-formed text. */
export interface JsonScan {
  /** Members of all objects. */
  readonly members: number;
  /** Objects and arrays. */
  readonly containers: number;
  /** Commas outside of strings: about as many as there are values. */
  readonly commas: number;
  /** Deepest nesting; the scan ends early where it passes the limit. */
  readonly depth: number;
  /** True when a number may have digits that a double loses: 16 characters or more, or an exponent. */
  readonly longNumbers: boolean;
  /** True when a string holds an escaped surrogate, paired or not. */
  readonly surrogates: boolean;
}

const QUOTE = 1;
const COLON = 2;
const OPEN = 3;
const CLOSE = 4;
const NUMBER = 5;
const LONG_NUMBER_CHARS = 16;
const COMMA = 6;
const BACKSLASH = 0x5c;

/** What a byte outside of strings begins. */
const BEGINS = classes({
  '"': QUOTE,
  ':': COLON,
  ',': COMMA,
  '{[': OPEN,
  '}]': CLOSE,
  '-0123456789': NUMBER,
});
/** Bytes that go on a number: 1, and 2 for its exponent. */
const IN_NUMBER = classes({ '0123456789+-.': 1, eE: 2 });
/** Bytes that interrupt the run through a string: its end, an escape, a control character (malformed). */
const STRING_STOPS = classes({ '"\\': 1 });
STRING_STOPS.fill(1, 0, 0x20);

function classes(sets: Record<string, number>): Uint8Array {
  const table = new Uint8Array(256);
  for (const [characters, value] of Object.entries(sets)) {
    for (const character of characters) table[character.charCodeAt(0)] = value;
  }
  return table;
}

/** Scans `bytes` from `start` to `end`. Never fails: malformed text is for the parser to refuse. */
export function scanJson(bytes: Uint8Array, start: number, end: number, maxDepth: number): JsonScan {
  let members = 0;
  let containers = 0;
  let commas = 0;
  let depth = 0;
  let deepest = 0;
  let longNumbers = false;
  let surrogates = false;
  let i = start;
  while (i < end && deepest <= maxDepth) {
    const kind = BEGINS[bytes[i++] as number];
    if (kind === 0) continue;
    if (kind === QUOTE) {
      for (;;) {
        while (i < end && STRING_STOPS[bytes[i] as number] === 0) i++;
        if (bytes[i++] !== BACKSLASH || i >= end) break;
        // \ud800 to \udfff, in either case.
        if (
          bytes[i] === 0x75 &&
          ((bytes[i + 1] as number) | 0x20) === 0x64 &&
          (bytes[i + 2] as number) > 0x37
        ) {
          surrogates = true;
        }
        i++;
      }
    } else if (kind === COLON) members += 1;
    else if (kind === COMMA) commas += 1;
    else if (kind === OPEN) {
      containers += 1;
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (kind === CLOSE) depth -= 1;
    else {
      const first = i - 1;
      let part = 0;
      while (i < end && (part = IN_NUMBER[bytes[i] as number] as number) === 1) i++;
      if (part === 2 || i - first >= LONG_NUMBER_CHARS) longNumbers = true;
    }
  }
  return { members, containers, commas, depth: deepest, longNumbers, surrogates };
}
