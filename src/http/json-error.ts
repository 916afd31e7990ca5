export interface JsonError {
  /** In UTF-16 units from the start of the text. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  readonly expected: string;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LITERAL = /true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Where a text stops being JSON. V8 does not always say. Meant for text that JSON.parse refused; undefined if it is JSON. */
export function locateJsonError(text: string): JsonError | undefined {
  const found = new JsonScanner(text).scan();
  if (found === undefined) return undefined;
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < found.offset; at = text.indexOf('\n', lineStart)) {
    line += 1;
    lineStart = at + 1;
  }
  return { ...found, line, column: found.offset - lineStart + 1 };
}

interface Finding {
  readonly offset: number;
  readonly expected: string;
}

/** Thrown inside the scanner only. */
class Stop extends Error {
  constructor(readonly finding: Finding) {
    super();
  }
}

class JsonScanner {
  private offset = 0;
  /** Closing brackets of what is open. */
  private readonly open: ('}' | ']')[] = [];

  constructor(private readonly text: string) {}

  scan(): Finding | undefined {
    try {
      do this.value();
      while (this.next());
      this.skip(SPACE);
      if (this.offset < this.text.length) this.stop('the end of the text');
      return undefined;
    } catch (error) {
      if (error instanceof Stop) return error.finding;
      throw error;
    }
  }

  /** A scalar, an empty container, or the start of a container up to its first value. */
  private value(): void {
    for (;;) {
      this.skip(SPACE);
      const char = this.text[this.offset];
      if (char !== '{' && char !== '[') return this.scalar(char);
      this.offset += 1;
      this.skip(SPACE);
      const close = char === '{' ? '}' : ']';
      if (this.take(close)) return;
      this.open.push(close);
      if (close === '}') this.key('a property name or "}"');
    }
  }

  /** After a value: closes what ends here. True when another value follows. */
  private next(): boolean {
    for (;;) {
      const close = this.open.at(-1);
      if (close === undefined) return false;
      this.skip(SPACE);
      if (this.take(close)) this.open.pop();
      else if (this.take(',')) {
        if (close === '}') this.key('a property name');
        return true;
      } else this.stop(`"," or "${close}"`);
    }
  }

  private key(expected: string): void {
    this.skip(SPACE);
    if (this.text[this.offset] !== '"') this.stop(expected);
    this.string();
    this.skip(SPACE);
    if (!this.take(':')) this.stop('":"');
  }

  private scalar(char: string | undefined): void {
    if (char === '"') return this.string();
    if (!this.skip(NUMBER) && !this.skip(LITERAL)) this.stop('a value');
  }

  private string(): void {
    for (this.offset += 1; ; this.offset += 1) {
      const char = this.text[this.offset];
      if (char === '"') break;
      if (char === undefined) this.stop('the closing quote of a string');
      if (char < ' ') this.stop('no bare control character in a string');
      if (char !== '\\') continue;
      if (!this.skip(ESCAPE)) this.stop('a valid escape');
      this.offset -= 1;
    }
    this.offset += 1;
  }

  private take(char: string): boolean {
    if (this.text[this.offset] !== char) return false;
    this.offset += 1;
    return true;
  }

  /** Moves past the pattern; true when it matched something. */
  private skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.offset;
    if (!pattern.test(this.text) || pattern.lastIndex === this.offset) return false;
    this.offset = pattern.lastIndex;
    return true;
  }

  private stop(expected: string): never {
    throw new Stop({ offset: this.offset, expected });
  }
}
