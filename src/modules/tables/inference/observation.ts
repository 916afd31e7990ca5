import type { ColumnType, TypedField } from '../../../kernel/index.js';
import { REFUSED, scalarCheck } from '../column-checks.js';
import { isJsonObject } from '../exact-number.js';
import { FieldBudget } from './field-budget.js';
import { listElement } from './joined-type.js';

/** How what was seen becomes types. */
export interface InferenceRules {
  /**
   * The table will not evolve: integers are long from the start, and where nothing but null was seen there is json.
   * Otherwise integers of 32 bits are int, which alone can become long and double without loss, and a field without a
   * value waits for its first one.
   */
  readonly forGood: boolean;
}

/** What a value is, as finely as inference tells. `integer` is one that no other kind of number holds. */
export const SEEN_KINDS = [
  'null',
  'boolean',
  'int',
  'long',
  'double',
  'integer',
  'uuid',
  'date',
  'timestamptz',
  'string',
  'list',
  'struct',
] as const;
export type SeenKind = (typeof SEEN_KINDS)[number];

/** How often a kind was seen, and where first. */
export interface Seen {
  count: number;
  /** Position of the record, from 0. */
  readonly record: number;
  readonly example: unknown;
}

const [isInt, isLong, isDouble, isDate, isInstant] = (
  ['int', 'long', 'double', 'date', 'timestamptz'] as const
).map((kind) => {
  const { check } = scalarCheck({ kind });
  return (value: unknown): boolean => check(value) !== REFUSED;
}) as [Accepts, Accepts, Accepts, Accepts, Accepts];
type Accepts = (value: unknown) => boolean;

/** Lower case only: of others the case would be lost. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const FAMILIES: { readonly [K in Exclude<SeenKind, 'null'>]: string } = {
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  double: 'number',
  integer: 'number',
  uuid: 'text',
  date: 'text',
  timestamptz: 'text',
  string: 'text',
  list: 'list',
  struct: 'struct',
};

const JSON_TYPE: ColumnType = { kind: 'json' };

/** What was seen in one place of a sample. Its type does not depend on the order of what it saw. */
export class Observation {
  readonly seen = new Map<SeenKind, Seen>();
  /** Of objects, in the order of their first appearance. */
  readonly fields = new Map<string, Observation>();
  /** Of arrays, all elements together. */
  element: Observation | undefined;
  /** False once an integer was seen that a double would round. */
  private exactInDouble = true;
  private family: string | undefined;
  private isMixed = false;

  /** Shared by the observations of one sample. */
  constructor(private readonly budget = new FieldBudget()) {}

  /** Values as they were parsed, without loss. Changes nothing in them. Throws `TooManyFields`. */
  observe(value: unknown, record: number): void {
    const kind = kindOf(value);
    const seen = this.seen.get(kind);
    if (seen !== undefined) seen.count += 1;
    else {
      this.seen.set(kind, { count: 1, record, example: value });
      if (kind !== 'null') {
        this.family ??= FAMILIES[kind];
        this.isMixed ||= this.family !== FAMILIES[kind];
      }
    }
    // What is inside of json does not matter.
    if (this.isMixed) return;
    if (kind === 'long' && this.exactInDouble) this.exactInDouble = isDouble(value);
    if (kind === 'list') {
      this.element ??= new Observation(this.budget);
      for (const item of value as unknown[]) this.element.observe(item, record);
    } else if (kind === 'struct') this.observeFields(value as Record<string, unknown>, record);
  }

  observeFields(object: Readonly<Record<string, unknown>>, record: number): void {
    for (const name of Object.keys(object)) this.field(name).observe(object[name], record);
  }

  field(name: string): Observation {
    let field = this.fields.get(name);
    if (field !== undefined) return field;
    this.budget.take(name);
    field = new Observation(this.budget);
    this.fields.set(name, field);
    return field;
  }

  /** Undefined where there is nothing yet to tell it from. */
  type(rules: InferenceRules): ColumnType | undefined {
    const { family } = this;
    if (family === undefined) return rules.forGood ? JSON_TYPE : undefined;
    if (this.isMixed) return JSON_TYPE;
    if (family === 'number') return this.numberType(rules) ?? JSON_TYPE;
    if (family === 'text') return this.textType();
    if (family === 'list')
      return { kind: 'list', element: listElement(this.element?.type(rules) ?? JSON_TYPE) };
    if (family === 'boolean') return { kind: 'boolean' };
    const fields = this.typedFields(rules);
    return fields.length === 0 ? JSON_TYPE : { kind: 'struct', fields };
  }

  /** Fields whose type can be told. All are nullable: that none was missing here says nothing of the next event. */
  typedFields(rules: InferenceRules): TypedField[] {
    return [...this.fields].flatMap(([name, field]) => {
      const type = field.type(rules);
      return type === undefined ? [] : [{ name, type, nullable: true }];
    });
  }

  /** True where values were seen that have no type in common but json. */
  get isConflict(): boolean {
    return this.isMixed || (this.family === 'number' && this.numberType({ forGood: false }) === undefined);
  }

  private textType(): ColumnType {
    const [kind, ...others] = [...this.seen.keys()].filter((seen) => seen !== 'null');
    return { kind: others.length === 0 ? (kind as 'string') : 'string' };
  }

  /** Undefined where no type of numbers holds them all. */
  private numberType({ forGood }: InferenceRules): ColumnType | undefined {
    if (this.seen.has('integer')) return undefined;
    if (this.seen.has('double')) return this.exactInDouble ? { kind: 'double' } : undefined;
    return { kind: this.seen.has('long') || forGood ? 'long' : 'int' };
  }
}

function kindOf(value: unknown): SeenKind {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'string') return textKind(value);
  if (Array.isArray(value)) return 'list';
  if (isJsonObject(value)) return 'struct';
  if (isInt(value)) return 'int';
  if (isLong(value)) return 'long';
  return isDouble(value) ? 'double' : 'integer';
}

function textKind(text: string): SeenKind {
  if (isDate(text)) return 'date';
  if (isInstant(text)) return 'timestamptz';
  return UUID.test(text) ? 'uuid' : 'string';
}
