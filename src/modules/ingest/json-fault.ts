import { memberPath } from '../tables/index.js';

/** The first thing that is wrong with a JSON text. */
export interface JsonFault {
  readonly kind: 'syntax' | 'duplicate' | 'number' | 'surrogate' | 'nesting';
  /** JSON path of the value or member, from `$`. */
  readonly path: string;
  /** Characters from the start of the text. */
  readonly position: number;
  readonly message: string;
}

/** What the search needs of a string. */
export type JsonText = Pick<string, 'length' | 'charCodeAt' | 'codePointAt' | 'slice' | 'startsWith'>;

/**
 * Looks for the first fault: RFC 8259 syntax, a number beyond the range of a double, a lone surrogate, nesting beyond
 * `maxNesting`; where there is none of these, a key twice in its object. Undefined: none. Reads each character once, or
 * twice where keys are compared, and makes strings only of keys that are compared and of escaped surrogates.
 */
export function findJsonFault(text: JsonText, maxNesting: number): JsonFault | undefined {
  return search(text, maxNesting, false) ?? search(text, maxNesting, true);
}

class Found extends Error {
  constructor(readonly fault: JsonFault) {
    super(fault.message);
  }
}

function search(text: JsonText, maxNesting: number, comparesKeys: boolean): JsonFault | undefined {
  try {
    new FaultFinder(text, maxNesting, comparesKeys).document();
    return undefined;
  } catch (error) {
    if (error instanceof Found) return error.fault;
    throw error;
  }
}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const SEVEN = 0x37;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const UPPER_E = 0x45;
const LOWER_A = 0x61;
const LOWER_D = 0x64;
const LOWER_E = 0x65;
const LOWER_F = 0x66;
const LOWER_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Makes an ASCII letter lower case. */
const LOWER_CASE = 0x20;

/** What may follow a backslash, but for u. */
const ESCAPES = [...'"\\/bfnrt'].map((character) => character.charCodeAt(0));
const LITERALS = ['true', 'false', 'null'];
/** An integer of fewer digits is a double. */
const SURELY_FINITE_CHARS = 300;

class FaultFinder {
  private at = 0;
  private depth = 0;
  /** Of what is open: the array's index, or -1 where a key leads on. */
  private readonly indexes: number[] = [];
  /** Where the key stands in the text. */
  private readonly keyStarts: number[] = [];
  private readonly keyEnds: number[] = [];

  constructor(
    private readonly text: JsonText,
    private readonly maxNesting: number,
    private readonly comparesKeys: boolean,
  ) {}

  document(): void {
    this.value();
    this.space();
    if (this.at < this.text.length) this.unexpected('the end');
  }

  private value(): void {
    this.space();
    const { at } = this;
    const first = this.text.charCodeAt(at);
    if (first === QUOTE) return this.string('a string');
    if (first === OPEN_BRACE || first === OPEN_BRACKET) {
      if (this.depth >= this.maxNesting) {
        this.fail('nesting', at, `objects and arrays may nest ${this.maxNesting} deep at most`);
      }
      return first === OPEN_BRACE ? this.object() : this.array();
    }
    if (first === MINUS || isDigit(first)) return this.number();
    const literal = LITERALS.find((word) => this.text.startsWith(word, at));
    if (literal === undefined) this.unexpected('a value');
    this.at += literal.length;
  }

  private object(): void {
    this.at += 1;
    this.space();
    if (this.takes(CLOSE_BRACE)) return;
    const names = this.comparesKeys ? new Set<string>() : undefined;
    const level = this.depth++;
    this.indexes[level] = -1;
    for (;;) {
      this.space();
      const start = this.at;
      // Until the key is known, a fault is the object's.
      this.depth = level;
      if (this.text.charCodeAt(start) !== QUOTE) this.unexpected('a key in double quotes');
      this.string('a key');
      this.keyStarts[level] = start;
      this.keyEnds[level] = this.at;
      this.depth = level + 1;
      if (names !== undefined) {
        const name = this.stringAt(start, this.at);
        if (names.has(name)) this.fail('duplicate', start, 'the object holds this key twice');
        names.add(name);
      }
      this.space();
      if (!this.takes(COLON)) this.unexpected('":"');
      this.value();
      if (this.endsWith(CLOSE_BRACE, level)) return;
    }
  }

  private array(): void {
    this.at += 1;
    this.space();
    if (this.takes(CLOSE_BRACKET)) return;
    const level = this.depth;
    for (let index = 0; ; index++) {
      this.indexes[level] = index;
      this.depth = level + 1;
      this.value();
      if (this.endsWith(CLOSE_BRACKET, level)) return;
    }
  }

  /** True past `bracket`, false past a comma. What is wrong there is the fault of the object or array itself. */
  private endsWith(bracket: number, level: number): boolean {
    this.depth = level;
    this.space();
    if (this.takes(COMMA)) return false;
    if (this.takes(bracket)) return true;
    return this.unexpected(`"," or "${String.fromCharCode(bracket)}"`);
  }

  private string(what: string): void {
    const { text } = this;
    const start = this.at;
    let wrong = false;
    let surrogates = false;
    let end = start + 1;
    for (; end < text.length; end++) {
      const unit = text.charCodeAt(end);
      if (unit === QUOTE) break;
      if (unit < SPACE) wrong = true;
      if (unit !== BACKSLASH) continue;
      end += 1;
      const escape = text.charCodeAt(end);
      if (escape === LOWER_U) {
        if (!this.isHex(end + 1, end + 5)) wrong = true;
        // \ud800 to \udfff; pairs are told from halves below.
        else if ((text.charCodeAt(end + 1) | LOWER_CASE) === LOWER_D && text.charCodeAt(end + 2) > SEVEN)
          surrogates = true;
      } else if (!ESCAPES.includes(escape)) wrong = true;
    }
    this.at = end + 1;
    if (end >= text.length) this.fail('syntax', start, `${what} without an end`);
    if (wrong) this.fail('syntax', start, `${what} with an escape or character that JSON has not`);
    // Without an escape there is no half: the text was decoded from valid UTF-8.
    if (surrogates && !this.stringAt(start, this.at).isWellFormed())
      this.fail('surrogate', start, `${what} with half of a surrogate pair`);
  }

  private isHex(start: number, end: number): boolean {
    for (let at = start; at < end; at++) {
      const unit = this.text.charCodeAt(at);
      const letter = unit | LOWER_CASE;
      if (!isDigit(unit) && !(letter >= LOWER_A && letter <= LOWER_F)) return false;
    }
    return true;
  }

  private stringAt(start: number, end: number): string {
    const quoted = this.text.slice(start, end);
    return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
  }

  private number(): void {
    const start = this.at;
    this.takes(MINUS);
    if (!this.takes(ZERO) && !this.digits()) {
      this.at = start;
      this.unexpected('a value');
    }
    let exponent = false;
    // What does not go on as a number is for what follows it.
    let end = this.at;
    if (this.takes(POINT)) {
      if (this.digits()) end = this.at;
      else this.at = end;
    }
    if (this.takes(LOWER_E) || this.takes(UPPER_E)) {
      if (!this.takes(PLUS)) this.takes(MINUS);
      exponent = this.digits();
      if (exponent) end = this.at;
    }
    this.at = end;
    if (!exponent && end - start < SURELY_FINITE_CHARS) return;
    if (!Number.isFinite(Number(this.text.slice(start, end))))
      this.fail('number', start, 'the number is beyond the range of 64 bits');
  }

  /** True when there was one at least. */
  private digits(): boolean {
    const start = this.at;
    while (isDigit(this.text.charCodeAt(this.at))) this.at += 1;
    return this.at > start;
  }

  private space(): void {
    for (;;) {
      const unit = this.text.charCodeAt(this.at);
      if (unit !== SPACE && unit !== LINE_FEED && unit !== CARRIAGE_RETURN && unit !== TAB) return;
      this.at += 1;
    }
  }

  private takes(unit: number): boolean {
    if (this.text.charCodeAt(this.at) !== unit) return false;
    this.at += 1;
    return true;
  }

  private unexpected(expected: string): never {
    const met = this.text.codePointAt(this.at);
    const found = met === undefined ? 'the text ends' : `found ${JSON.stringify(String.fromCodePoint(met))}`;
    return this.fail('syntax', this.at, `expected ${expected}, ${found}`);
  }

  private fail(kind: JsonFault['kind'], position: number, message: string): never {
    throw new Found({ kind, path: this.path(), position, message });
  }

  private path(): string {
    let path = '$';
    for (let level = 0; level < this.depth; level++) {
      const index = this.indexes[level] as number;
      path +=
        index >= 0
          ? `[${index}]`
          : memberPath(this.stringAt(this.keyStarts[level] as number, this.keyEnds[level] as number));
    }
    return path;
  }
}

const isDigit = (unit: number): boolean => unit >= ZERO && unit <= NINE;
