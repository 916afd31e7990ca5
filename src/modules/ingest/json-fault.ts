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

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
const LITERALS = ['true', 'false', 'null'];

class Found extends Error {
  constructor(readonly fault: JsonFault) {
    super(fault.message);
  }
}

/**
 * Looks for the first fault by an exact and slow pass: RFC 8259 syntax, a key twice in its object, a number beyond
 * the range of a double, a lone surrogate, nesting beyond `maxNesting`. Undefined: none.
 */
export function findJsonFault(text: string, maxNesting: number): JsonFault | undefined {
  try {
    new FaultFinder(text, maxNesting).document();
    return undefined;
  } catch (error) {
    if (error instanceof Found) return error.fault;
    throw error;
  }
}

class FaultFinder {
  private at = 0;
  private readonly path: string[] = ['$'];

  constructor(
    private readonly text: string,
    private readonly maxNesting: number,
  ) {}

  document(): void {
    this.value();
    this.space();
    if (this.at < this.text.length) this.unexpected('the end');
  }

  private value(): void {
    this.space();
    const { text, at } = this;
    const first = text[at];
    if ((first === '{' || first === '[') && this.path.length > this.maxNesting) {
      this.fail('nesting', at, `objects and arrays may nest ${this.maxNesting} deep at most`);
    }
    if (first === '{') return this.object();
    if (first === '[') return this.array();
    if (first === '"') return void this.string('a string');
    const literal = LITERALS.find((word) => text.startsWith(word, at));
    if (literal !== undefined) {
      this.at += literal.length;
      return;
    }
    const number = this.take(NUMBER);
    if (number === undefined) return this.unexpected('a value');
    if (!Number.isFinite(Number(number)))
      this.fail('number', at, 'the number is beyond the range of 64 bits');
  }

  private object(): void {
    this.at += 1;
    const names = new Set<string>();
    this.space();
    if (this.text[this.at] === '}') return void (this.at += 1);
    for (;;) {
      this.space();
      const start = this.at;
      if (this.text[start] !== '"') this.unexpected('a key in double quotes');
      const name = this.string('a key');
      this.path.push(memberPath(name));
      if (names.has(name)) this.fail('duplicate', start, 'the object holds this key twice');
      names.add(name);
      this.space();
      if (this.text[this.at] !== ':') this.unexpected('":"');
      this.at += 1;
      this.value();
      this.path.pop();
      if (this.endsWith('}')) return;
    }
  }

  private array(): void {
    this.at += 1;
    this.space();
    if (this.text[this.at] === ']') return void (this.at += 1);
    for (let index = 0; ; index++) {
      this.path.push(`[${index}]`);
      this.value();
      this.path.pop();
      if (this.endsWith(']')) return;
    }
  }

  /** True past `bracket`, false past a comma. */
  private endsWith(bracket: string): boolean {
    this.space();
    const next = this.text[this.at];
    if (next !== ',' && next !== bracket) this.unexpected(`"," or "${bracket}"`);
    this.at += 1;
    return next === bracket;
  }

  private string(what: string): string {
    const start = this.at;
    let end = start + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1;
    this.at = end + 1;
    let value: string;
    try {
      value = JSON.parse(this.text.slice(start, end + 1)) as string;
    } catch {
      const ended = end < this.text.length;
      return this.fail(
        'syntax',
        start,
        ended ? `${what} with an escape or character that JSON has not` : `${what} without an end`,
      );
    }
    if (!value.isWellFormed()) this.fail('surrogate', start, `${what} with half of a surrogate pair`);
    return value;
  }

  private space(): void {
    this.take(SPACE);
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const taken = pattern.exec(this.text)?.[0];
    this.at += taken?.length ?? 0;
    return taken;
  }

  private unexpected(expected: string): never {
    const met = this.text.codePointAt(this.at);
    const found = met === undefined ? 'the text ends' : `found ${JSON.stringify(String.fromCodePoint(met))}`;
    return this.fail('syntax', this.at, `expected ${expected}, ${found}`);
  }

  private fail(kind: JsonFault['kind'], position: number, message: string): never {
    throw new Found({ kind, path: this.path.join(''), position, message });
  }
}
