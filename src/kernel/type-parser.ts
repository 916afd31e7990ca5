import {
  LIST_ELEMENT,
  MAX_TYPE_DEPTH,
  SIMPLE_TYPES,
  type ColumnType,
  type SimpleType,
  type TypedField,
} from './column-type.js';

/** Characters of a type's text at most. */
export const MAX_TYPE_CHARS = 100_000;
const MAX_PRECISION = 38;

/** Thrown for text that is no type. The message names the place and what would be allowed. */
export class TypeTextError extends Error {}

/**
 * Reads a type as users write it:
 *
 *     type   = simple | "decimal" "(" digits "," digits ")" | "list" "<" part ">" | "struct" "<" field { "," field } ">"
 *     field  = name ":" type [ "not" "null" ] [ "default" literal ] [ "comment" string ]
 *     part   = type [ "not" "null" ] [ "comment" string ]
 *     name   = letter or "_", then letters, digits or "_" | string
 *     string = as in JSON; a literal is a string, a number, true or false
 *
 * Throws `TypeTextError`. Whether names and defaults are allowed is for the caller to check.
 */
export function parseType(text: string): ColumnType {
  if (text.length > MAX_TYPE_CHARS) throw new TypeTextError(`has more than ${MAX_TYPE_CHARS} characters`);
  return new TypeParser(text).whole();
}

/** As `parseType`; undefined when there is no such type. */
export function parseColumnType(text: string): ColumnType | undefined {
  try {
    return parseType(text);
  } catch (error) {
    if (error instanceof TypeTextError) return undefined;
    throw error;
  }
}

interface Token {
  readonly kind: 'word' | 'string' | 'number' | 'sign' | 'end';
  readonly text: string;
  /** In characters from 0. */
  readonly position: number;
}

const TOKEN =
  /(?<word>[A-Za-z_]\w*)|(?<string>"(?:[^"\\]|\\.)*")|(?<number>-?\d[\d.eE+-]*)|(?<sign>[<>(),:])/y;
const SPACE = /\s*/y;
const FOUND_MAX_CHARS = 40;

class TypeParser {
  private token: Token;

  constructor(private readonly text: string) {
    this.token = this.scan(0);
  }

  whole(): ColumnType {
    const type = this.type(0);
    if (this.token.kind !== 'end') throw this.fault('the end');
    return type;
  }

  /** `depth` lists and structs are around it. */
  private type(depth: number): ColumnType {
    const { text, kind } = this.token;
    if (kind !== 'word') throw this.fault('a type');
    if (depth >= MAX_TYPE_DEPTH && (text === 'list' || text === 'struct')) {
      throw this.fault(`${MAX_TYPE_DEPTH} lists and structs inside each other at most`);
    }
    if (text === 'decimal') return this.decimal();
    if (text === 'list') return this.list(depth);
    if (text === 'struct') return this.struct(depth);
    const simple = SIMPLE_TYPES.find((known): known is SimpleType => known === text);
    if (simple === undefined) {
      throw this.fault(`one of ${SIMPLE_TYPES.join(', ')}, decimal(p,s), list<…>, struct<…>`);
    }
    this.advance();
    return { kind: simple };
  }

  private decimal(): ColumnType {
    this.advance();
    this.sign('(');
    const precision = this.digits(1, MAX_PRECISION);
    this.sign(',');
    const scale = this.digits(0, precision);
    this.sign(')');
    return { kind: 'decimal', precision, scale };
  }

  private list(depth: number): ColumnType {
    this.advance();
    this.sign('<');
    const element = this.attributes(
      { name: LIST_ELEMENT, type: this.type(depth + 1), nullable: true },
      false,
    );
    this.sign('>');
    return { kind: 'list', element };
  }

  private struct(depth: number): ColumnType {
    this.advance();
    this.sign('<');
    const fields = [this.field(depth)];
    while (this.token.text === ',') {
      this.advance();
      fields.push(this.field(depth));
    }
    this.sign('>');
    return { kind: 'struct', fields };
  }

  private field(depth: number): TypedField {
    if (this.token.kind !== 'word' && this.token.kind !== 'string') throw this.fault('the name of a field');
    const name = this.token.kind === 'word' ? this.token.text : this.string();
    this.advance();
    this.sign(':');
    return this.attributes({ name, type: this.type(depth + 1), nullable: true }, true);
  }

  private attributes(bare: TypedField, mayDefault: boolean): TypedField {
    let field = bare;
    if (this.word('not')) {
      if (!this.word('null')) throw this.fault('null');
      field = { ...field, nullable: false };
    }
    if (mayDefault && this.word('default')) {
      field = { ...field, default: this.literal() };
      this.advance();
    }
    if (this.word('comment')) {
      if (this.token.kind !== 'string') throw this.fault('a text in double quotes');
      field = { ...field, doc: this.string() };
      this.advance();
    }
    return field;
  }

  /** The value of the token, as JSON. */
  private literal(): unknown {
    const { kind, text } = this.token;
    if (kind === 'string') return this.string();
    const isJson = kind === 'number' || text === 'true' || text === 'false';
    const value = isJson ? jsonOf(text) : undefined;
    if (value === undefined) throw this.fault('a text in double quotes, a number, true or false');
    return value;
  }

  private string(): string {
    const value = jsonOf(this.token.text);
    if (typeof value !== 'string') throw this.fault('a text in double quotes, as in JSON');
    return value;
  }

  private digits(min: number, max: number): number {
    const { kind, text } = this.token;
    const value = kind === 'number' && /^\d{1,2}$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) throw this.fault(`a number from ${min} to ${max}`);
    this.advance();
    return value;
  }

  private sign(text: string): void {
    if (this.token.kind !== 'sign' || this.token.text !== text) throw this.fault(`"${text}"`);
    this.advance();
  }

  /** Takes the word where it is next. */
  private word(text: string): boolean {
    if (this.token.kind !== 'word' || this.token.text !== text) return false;
    this.advance();
    return true;
  }

  private advance(): void {
    this.token = this.scan(this.token.position + this.token.text.length);
  }

  private scan(from: number): Token {
    SPACE.lastIndex = from;
    const position = from + (SPACE.exec(this.text)?.[0].length ?? 0);
    if (position === this.text.length) return { kind: 'end', text: '', position };
    TOKEN.lastIndex = position;
    const groups = TOKEN.exec(this.text)?.groups ?? {};
    for (const kind of ['word', 'string', 'number', 'sign'] as const) {
      const text = groups[kind];
      if (text !== undefined) return { kind, text, position };
    }
    this.token = { kind: 'sign', text: this.text.slice(position), position };
    throw this.fault('a name, a type or one of < > ( ) , :');
  }

  private fault(expected: string): TypeTextError {
    const { kind, text, position } = this.token;
    const shown = text.length > FOUND_MAX_CHARS ? `${text.slice(0, FOUND_MAX_CHARS)}…` : text;
    const found = kind === 'end' ? 'its end' : shown.toWellFormed();
    return new TypeTextError(`expected ${expected} at character ${position + 1} of the type; found ${found}`);
  }
}

/** Undefined where the text is not JSON, or a number beyond a double. */
function jsonOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'number' && !Number.isFinite(value) ? undefined : value;
  } catch {
    return undefined;
  }
}
