import { ExactNumber } from './exact-number.js';

/** One reason why a payload does not fit its table. */
export interface FieldViolation {
  /** The field below the payload: `.amount`, `.lines[3].price` or `['unit price']`. */
  readonly path: string;
  /** The type of the column, or of the part of it that is wrong; `none` where there is no such column. */
  readonly expected: string;
  /** What passes, in words. */
  readonly rule: string;
  /** What was sent, shortened; `nothing` where the field is absent. */
  readonly found: string;
}

/** Gathers violations up to a limit, with the place in the payload where the search is. */
export class ViolationReport {
  readonly found: FieldViolation[] = [];
  private path = '';

  constructor(private readonly limit: number) {}

  get isFull(): boolean {
    return this.found.length >= this.limit;
  }

  /** Runs `explain` with the step added to the path. */
  at(step: string, explain: () => void): void {
    const outer = this.path;
    this.path += step;
    explain();
    this.path = outer;
  }

  add(expected: string, rule: string, value: unknown): void {
    if (this.isFull) return;
    this.found.push({ path: this.path, expected: cut(expected), rule, found: describeFound(value) });
  }
}

const SHOWN_MAX_CHARS = 80;
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NAME_MAX_CHARS = 128;

/** A member's step in a JSON path: `.name`, or `['a name']` where the name is not plain. Long names are cut. */
export function memberPath(name: string): string {
  const shown = name.length > NAME_MAX_CHARS ? `${name.slice(0, NAME_MAX_CHARS)}…` : name;
  if (PLAIN_NAME.test(shown)) return `.${shown}`;
  const quoted = JSON.stringify(shown.toWellFormed())
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll("'", "\\'");
  return `['${quoted}']`;
}

/** A value as a violation shows it: its JSON text, cut at 80 characters. */
export function describeFound(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value instanceof ExactNumber) return cut(value.source);
  if (typeof value === 'string') return cut(JSON.stringify(cut(value).toWellFormed()));
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value);
}

function cut(text: string): string {
  return text.length > SHOWN_MAX_CHARS ? `${text.slice(0, SHOWN_MAX_CHARS)}…` : text;
}
