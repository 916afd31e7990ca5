import { typeText, type ColumnType, type TypedField } from '../../kernel/index.js';
import { REFUSED, scalarCheck, type CheckedType, type ColumnCheck } from './column-checks.js';
import { isJsonObject } from './exact-number.js';
import { memberPath, type ViolationReport } from './violation.js';

interface CompiledField {
  readonly name: string;
  /** Its step in a JSON path. */
  readonly step: string;
  readonly check: ColumnCheck;
  readonly checked: CheckedType;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** As the body holds it. Undefined: no default. */
  readonly filling: unknown;
  /** True where every object inherits something under this name, so that a plain read would find that. */
  readonly inherited: boolean;
}

type JsonObject = Record<string, unknown>;

export interface CheckOptions {
  /** Fields that are not there pass where they are null, and are taken out: an absent one reads the same. */
  readonly dropsUnknownNulls?: boolean;
}

/** Checks objects that have one field for each of a list of columns: payloads, and the values of structs. */
export class FieldChecks {
  private readonly fields: readonly CompiledField[];
  private readonly names: ReadonlySet<string>;

  /** `unknownRule` tells why an object cannot have any other field. */
  constructor(
    fields: readonly TypedField[],
    private readonly unknownRule: string,
    private readonly options: CheckOptions = {},
  ) {
    this.fields = fields.map((field) => compile(field, options));
    this.names = new Set(fields.map((field) => field.name));
  }

  /**
   * True when `object` fits. Then each field has the form that the body holds, defaults are in, and
   * `JSON.stringify(object)` is the body's text. When false, call `explain` with the same object.
   */
  normalise(object: JsonObject): boolean {
    const { fields } = this;
    let present = 0;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i] as CompiledField;
      const { name } = field;
      const value = field.inherited && !Object.hasOwn(object, name) ? undefined : object[name];
      if (value === undefined) {
        if (field.filling !== undefined) {
          object[name] = field.filling;
          present += 1;
        } else if (!field.nullable) return false;
        continue;
      }
      present += 1;
      if (value === null) {
        if (!field.nullable) return false;
        continue;
      }
      const normalised = field.check(value);
      if (normalised === REFUSED) return false;
      if (normalised !== value) object[name] = normalised;
    }
    if (present === Object.keys(object).length) return true;
    return this.options.dropsUnknownNulls === true && this.dropUnknownNulls(object);
  }

  /** False where another unknown field is left. */
  private dropUnknownNulls(object: JsonObject): boolean {
    for (const name of Object.keys(object)) {
      if (this.names.has(name)) continue;
      if (object[name] !== null) return false;
      delete object[name];
    }
    return true;
  }

  /** What `normalise` would answer. Changes nothing. */
  accepts(object: JsonObject): boolean {
    let present = 0;
    for (const field of this.fields) {
      const { name, nullable, filling, inherited } = field;
      const value = inherited && !Object.hasOwn(object, name) ? undefined : object[name];
      if (value === undefined) {
        if (!nullable && filling === undefined) return false;
        continue;
      }
      present += 1;
      if (!acceptsValue(field, value)) return false;
    }
    const names = Object.keys(object);
    if (present === names.length) return true;
    if (this.options.dropsUnknownNulls !== true) return false;
    return names.every((name) => this.names.has(name) || object[name] === null);
  }

  /** Reports what is wrong, field by field, then the unknown fields. Changes nothing. */
  explain(object: JsonObject, report: ViolationReport): void {
    for (const field of this.fields) {
      if (report.isFull) return;
      const value = Object.hasOwn(object, field.name) ? object[field.name] : undefined;
      report.at(field.step, () => explainField(field, value, report));
    }
    for (const name of Object.keys(object)) {
      if (report.isFull) return;
      const passes = this.options.dropsUnknownNulls === true && object[name] === null;
      if (!this.names.has(name) && !passes) {
        report.at(memberPath(name), () => report.add('none', this.unknownRule, object[name]));
      }
    }
  }
}

/** The check of a type, compiled. Values of nested types are changed in place. */
export function checkedType(type: ColumnType, options: CheckOptions = {}): CheckedType {
  if (type.kind === 'list') return listCheck(type.element, options);
  return type.kind === 'struct' ? structCheck(type.fields, options) : scalarCheck(type);
}

function listCheck(element: TypedField, options: CheckOptions): CheckedType {
  const compiled = compile(element, options);
  const { check, nullable } = compiled;
  return {
    rule: 'an array',
    check: (value) => {
      if (!Array.isArray(value)) return REFUSED;
      const items = value as unknown[];
      for (let i = 0; i < items.length; i++) {
        const item = items[i];
        if (item === null) {
          if (!nullable) return REFUSED;
          continue;
        }
        const normalised = check(item);
        if (normalised === REFUSED) return REFUSED;
        if (normalised !== item) items[i] = normalised;
      }
      return items;
    },
    accepts: (value) => Array.isArray(value) && value.every((item: unknown) => acceptsValue(compiled, item)),
    explain: (value, report) => {
      if (!Array.isArray(value)) return report.add(typeText({ kind: 'list', element }), 'an array', value);
      for (let i = 0; i < value.length && !report.isFull; i++) {
        report.at(`[${i}]`, () => explainField(compiled, value[i], report));
      }
    },
  };
}

function structCheck(fields: readonly TypedField[], options: CheckOptions): CheckedType {
  const checks = new FieldChecks(fields, 'nothing: the struct has no such field', options);
  return {
    rule: 'an object',
    check: (value) => (isJsonObject(value) && checks.normalise(value) ? value : REFUSED),
    accepts: (value) => isJsonObject(value) && checks.accepts(value),
    explain: (value, report) => {
      if (isJsonObject(value)) checks.explain(value, report);
      else report.add(typeText({ kind: 'struct', fields }), 'an object', value);
    },
  };
}

function compile({ name, type, nullable, default: sent }: TypedField, options: CheckOptions): CompiledField {
  const checked = checkedType(type, options);
  const { check } = checked;
  // A check may change what it is given, and the schema is not the validator's.
  const filling = sent === undefined || sent === null ? undefined : check(structuredClone(sent));
  if (filling === REFUSED) throw new Error(`the default of ${name} is not a ${typeText(type)}`);
  const inherited = name in Object.prototype;
  return { name, step: memberPath(name), check, checked, type, nullable, filling, inherited };
}

function acceptsValue({ nullable, check, checked }: CompiledField, value: unknown): boolean {
  if (value === null) return nullable;
  return checked.accepts?.(value) ?? check(value) !== REFUSED;
}

/** Reports what is wrong with a field's value; undefined is an absent one. */
function explainField(field: CompiledField, value: unknown, report: ViolationReport): void {
  const { nullable, type, filling } = field;
  const { check, rule, explain } = field.checked;
  if (value === undefined || value === null) {
    if (!nullable && (value === null || filling === undefined)) {
      report.add(typeText(type), `${rule}; not null`, value);
    }
    return;
  }
  if (explain !== undefined) return explain(value, report);
  if (check(value) === REFUSED) report.add(typeText(type), nullable ? rule : `${rule}; not null`, value);
}
