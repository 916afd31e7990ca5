import { typedField, type Column } from '../../kernel/index.js';
import { FieldChecks, type CheckOptions } from './field-checks.js';
import { ViolationReport, type FieldViolation } from './violation.js';

type Payload = Record<string, unknown>;

/** Checks payloads against one schema version. Compiled once and shared; holds no state between calls. */
export class PayloadValidator {
  private readonly checks: FieldChecks;

  constructor(columns: readonly Column[], options: CheckOptions = {}) {
    this.checks = new FieldChecks(columns.map(typedField), 'nothing: the table has no such column', options);
  }

  /**
   * True when `payload` fits. Then each field has the form that the body holds, defaults are in, and
   * `JSON.stringify(payload)` is the body's text. When false, call `violations` with the same object.
   */
  normalise(payload: Payload): boolean {
    return this.checks.normalise(payload);
  }

  /** What `normalise` would answer. Changes nothing. */
  accepts(payload: Payload): boolean {
    return this.checks.accepts(payload);
  }

  /** Why `normalise` answered false, column by column, then the unknown fields. At most `limit`. */
  violations(payload: Payload, limit: number): FieldViolation[] {
    const report = new ViolationReport(limit);
    this.checks.explain(payload, report);
    return report.found;
  }
}
