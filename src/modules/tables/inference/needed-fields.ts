import type { ColumnType, TypedField } from '../../../kernel/index.js';
import { REFUSED, scalarCheck, type ColumnCheck } from '../column-checks.js';
import { isJsonObject } from '../exact-number.js';
import { FieldBudget } from './field-budget.js';
import { joinedType, listElement } from './joined-type.js';
import { Observation, type InferenceRules } from './observation.js';

/**
 * Gathers what a sample has and a list of fields cannot hold. Values that a field takes do not count, whatever they
 * look like: a string column is not asked whether its values are dates.
 */
export class FieldNeeds {
  private readonly known: ReadonlyMap<string, KnownField>;
  private readonly unknown: Observation;

  constructor(
    private readonly fields: readonly TypedField[],
    budget = new FieldBudget(),
  ) {
    this.known = new Map(fields.map(({ name, type }) => [name, new KnownField(type, budget)]));
    this.unknown = new Observation(budget);
  }

  /** Of a payload as it was parsed, which is not changed. Throws `TooManyFields`. */
  observe(object: Readonly<Record<string, unknown>>, record: number): void {
    for (const name of Object.keys(object)) {
      const known = this.known.get(name);
      if (known === undefined) this.unknown.field(name).observe(object[name], record);
      else known.observe(object[name], record);
    }
  }

  /** Known fields that need another type, with that type, then the unknown ones. Empty where nothing is needed. */
  result(rules: InferenceRules): TypedField[] {
    return [...this.changed(rules), ...this.unknown.typedFields(rules)];
  }

  private changed(rules: InferenceRules): TypedField[] {
    return this.fields.flatMap((field) => {
      const type = this.known.get(field.name)?.neededType(rules) ?? field.type;
      return type === field.type ? [] : [{ ...field, type }];
    });
  }
}

/** One field, list element or struct of the table as it is, and what it would have to become. */
class KnownField {
  private readonly misfit: Observation;
  private readonly check: ColumnCheck | undefined;
  private readonly parts: FieldNeeds | undefined;
  private readonly element: KnownField | undefined;

  constructor(
    private readonly type: ColumnType,
    budget: FieldBudget,
  ) {
    this.misfit = new Observation(budget);
    if (type.kind === 'struct') this.parts = new FieldNeeds(type.fields, budget);
    else if (type.kind === 'list') this.element = new KnownField(type.element.type, budget);
    else if (type.kind !== 'json') this.check = scalarCheck(type).check;
  }

  observe(value: unknown, record: number): void {
    // Nulls where they are not allowed are refused: nothing that is learnt makes a column nullable.
    if (value === null || this.type.kind === 'json') return;
    if (this.parts !== undefined && isJsonObject(value)) this.parts.observe(value, record);
    else if (this.element !== undefined && Array.isArray(value)) {
      for (const item of value) this.element.observe(item, record);
    } else if (this.check === undefined || this.check(value) === REFUSED) this.misfit.observe(value, record);
  }

  /** The very type that it has where that will do. */
  neededType(rules: InferenceRules): ColumnType {
    const grown = this.grownType(rules);
    const misfit = this.misfit.seen.size === 0 ? undefined : this.misfit.type(rules);
    return misfit === undefined ? grown : joinedType(grown, misfit);
  }

  private grownType(rules: InferenceRules): ColumnType {
    if (this.element !== undefined && this.type.kind === 'list') {
      const element = this.element.neededType(rules);
      return element === this.type.element.type ? this.type : { kind: 'list', element: listElement(element) };
    }
    if (this.parts === undefined || this.type.kind !== 'struct') return this.type;
    const needed = this.parts.result(rules);
    return needed.length === 0 ? this.type : { kind: 'struct', fields: replaced(this.type.fields, needed) };
  }
}

/** The fields with those of `needed` in place of theirs, and its new ones behind them. */
function replaced(fields: readonly TypedField[], needed: readonly TypedField[]): TypedField[] {
  const byName = new Map(needed.map((field) => [field.name, field]));
  const names = new Set(fields.map(({ name }) => name));
  return [
    ...fields.map((field) => byName.get(field.name) ?? field),
    ...needed.filter(({ name }) => !names.has(name)),
  ];
}
