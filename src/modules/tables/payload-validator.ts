import type { Column } from '../../kernel/index.js';
import { checkedTypeOf, REFUSED, type ColumnCheck } from './column-checks.js';
import { describeFound, memberPath } from './violation.js';

/** One reason why a payload does not fit its table. */
export interface FieldViolation {
  /** The field below the payload: `.amount`, or `['unit price']`. */
  readonly path: string;
  /** The column's type as its definition has it; `none` where there is no such column. */
  readonly expected: string;
  /** What passes, in words. */
  readonly rule: string;
  /** What was sent, shortened; `nothing` where the field is absent. */
  readonly found: string;
}

interface CompiledColumn {
  readonly name: string;
  readonly type: string;
  readonly check: ColumnCheck;
  readonly rule: string;
  readonly nullable: boolean;
  /** As the body holds it. Undefined: no default. */
  readonly filling: unknown;
  /** True where every object inherits something under this name, so that a plain read would find that. */
  readonly inherited: boolean;
}

type Payload = Record<string, unknown>;

/** Checks payloads against one schema version. Compiled once and shared; holds no state between calls. */
export class PayloadValidator {
  private readonly columns: readonly CompiledColumn[];
  private readonly names: ReadonlySet<string>;

  constructor(columns: readonly Column[]) {
    this.columns = columns.map(compile);
    this.names = new Set(columns.map((column) => column.name));
  }

  /**
   * True when `payload` fits. Then each field has the form that the body holds, defaults are in, and
   * `JSON.stringify(payload)` is the body's text. When false, call `violations` with the same object.
   */
  normalise(payload: Payload): boolean {
    const { columns } = this;
    let present = 0;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i] as CompiledColumn;
      const { name } = column;
      const value = column.inherited && !Object.hasOwn(payload, name) ? undefined : payload[name];
      if (value === undefined) {
        if (column.filling !== undefined) {
          payload[name] = column.filling;
          present += 1;
        } else if (!column.nullable) return false;
        continue;
      }
      present += 1;
      if (value === null) {
        if (!column.nullable) return false;
        continue;
      }
      const normalised = column.check(value);
      if (normalised === REFUSED) return false;
      if (normalised !== value) payload[name] = normalised;
    }
    return present === Object.keys(payload).length;
  }

  /** Why `normalise` answered false, column by column, then the unknown fields. At most `limit`. */
  violations(payload: Payload, limit: number): FieldViolation[] {
    const found: FieldViolation[] = [];
    for (const column of this.columns) {
      if (found.length >= limit) return found;
      const violation = violationOf(column, payload);
      if (violation !== undefined) found.push(violation);
    }
    for (const name of Object.keys(payload)) {
      if (found.length >= limit) break;
      if (!this.names.has(name)) {
        const rule = 'the table has no such column';
        found.push({ path: memberPath(name), expected: 'none', rule, found: describeFound(payload[name]) });
      }
    }
    return found;
  }
}

function compile(column: Column): CompiledColumn {
  const { check, rule } = checkedTypeOf(column.type);
  const { name, type, nullable } = column;
  const filling = column.default === undefined || column.default === null ? undefined : check(column.default);
  if (filling === REFUSED) throw new Error(`the default of column ${name} is not a ${type}`);
  return { name, type, check, rule, nullable, filling, inherited: name in Object.prototype };
}

function violationOf(column: CompiledColumn, payload: Payload): FieldViolation | undefined {
  const { name, type, nullable, rule } = column;
  const value = Object.hasOwn(payload, name) ? payload[name] : undefined;
  const missing = value === undefined || value === null;
  if (missing && (nullable || (value === undefined && column.filling !== undefined))) return undefined;
  if (!missing && column.check(value) !== REFUSED) return undefined;
  return {
    path: memberPath(name),
    expected: type,
    rule: nullable ? rule : `${rule}; not null`,
    found: value === undefined ? 'nothing' : describeFound(value),
  };
}
