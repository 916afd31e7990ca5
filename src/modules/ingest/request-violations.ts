import { AppError, type ErrorSpec } from '../../kernel/index.js';
import { MAX_VIOLATIONS } from './ingest-limits.js';

/** One reason why a request is refused, as `context.violations` shows it. */
export interface RequestViolation {
  /** JSON path; of the line for NDJSON. A query parameter or header goes by its name. */
  readonly path: string;
  readonly message: string;
  /** Position of the record, from 0. */
  readonly record?: number;
  /** Line of an NDJSON body, from 1. */
  readonly line?: number;
  readonly expected?: string;
  readonly found?: string;
  /** Characters from the start of the body, or of the line. */
  readonly position?: number;
}

/** Gathers the first violations and counts the rest. */
export class Violations {
  readonly first: RequestViolation[] = [];
  private counted = 0;

  add(violation: RequestViolation): void {
    this.counted += 1;
    if (this.first.length < MAX_VIOLATIONS) this.first.push(violation);
  }

  /** How many more are named before the rest is only counted. */
  get room(): number {
    return MAX_VIOLATIONS - this.first.length;
  }

  get count(): number {
    return this.counted;
  }

  /** Throws when there are any. */
  refuse(spec: ErrorSpec): void {
    const refusal = this.refusal(spec);
    if (refusal !== undefined) throw refusal;
  }

  /** Undefined when there are none. */
  refusal(spec: ErrorSpec): AppError | undefined {
    const [first] = this.first;
    if (first === undefined) return undefined;
    const more = this.counted > 1 ? ` (and ${this.counted - 1} more)` : '';
    const where = first.line === undefined ? first.path : `line ${first.line}, ${first.path}`;
    return new AppError(spec, `${where}: ${first.message}${more}`, { context: { violations: this.first } });
  }
}

/** Refuses the request for one reason. */
export function refusal(spec: ErrorSpec, violation: RequestViolation): AppError {
  const where = violation.line === undefined ? violation.path : `line ${violation.line}, ${violation.path}`;
  return new AppError(spec, `${where}: ${violation.message}`, { context: { violations: [violation] } });
}
