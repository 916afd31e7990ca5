import {
  nameText,
  parseType,
  partsOf,
  SIMPLE_TYPES,
  TypeTextError,
  type ColumnType,
  type TypedField,
} from '../../kernel/index.js';
import { REFUSED } from './column-checks.js';
import {
  COLUMN_NAME_RULE,
  FIELD_NAME_RULE,
  faultOfColumnName,
  faultOfFieldName,
  repeatedNames,
} from './column-names.js';
import type { DefinitionFault } from './definition-fault.js';
import { checkedType } from './field-checks.js';
import { describeFound } from './violation.js';

/** Of what is inside of json, and of what no type knows. */
const JSON_TYPE: ColumnType = { kind: 'json' };
/** What may stand for a type. */
export const TYPE_FORMS = [...SIMPLE_TYPES, 'decimal(p,s)', 'list<T>', 'struct<name: T, …>'];
const MAX_DOC_CHARS = 1_000;
export const DOC_RULE = `at most ${MAX_DOC_CHARS} characters, and no NUL`;
/** Of a default, as JSON: it is written into every event that lacks the column. */
const MAX_DEFAULT_CHARS = 4_096;

/** A column as a client defines it. Null is absent. */
export interface ColumnRequest {
  readonly name: string;
  readonly type: string;
  readonly nullable?: boolean | null | undefined;
  readonly default?: unknown;
  readonly doc?: string | null | undefined;
}

/** The column that is asked for, or everything that is wrong with it. */
export interface DefinedColumn {
  readonly column?: TypedField;
  readonly faults: readonly DefinitionFault[];
}

/** A column of a table. `path` is the JSON path of the request. */
export const defineColumn = (request: ColumnRequest, path: string): DefinedColumn =>
  define(request, path, { fault: faultOfColumnName, rule: COLUMN_NAME_RULE }, faultOfDefault);

/** A field of a struct. */
export const definePart = (request: ColumnRequest, path: string): DefinedColumn =>
  define(request, path, { fault: faultOfFieldName, rule: FIELD_NAME_RULE }, (type, filling) =>
    faultOfPartDefault(type, filling, 'struct'),
  );

function define(
  request: ColumnRequest,
  path: string,
  names: { readonly fault: (name: string) => string | undefined; readonly rule: string },
  defaultFault: (type: ColumnType, filling: unknown) => string | undefined,
): DefinedColumn {
  const { name, nullable, default: filling, doc } = request;
  if (typeof name !== 'string' || typeof request.type !== 'string') {
    const column = typeof name === 'string' ? { column: name } : {};
    return { faults: [{ path, message: 'must be an object with name and type', ...column }] };
  }
  const faults: DefinitionFault[] = [];
  const refuse = (member: string, message: string | undefined, allowed: () => readonly string[]): void => {
    if (message === undefined) return;
    faults.push({ path: `${path}.${member}`, message, column: name, allowed: allowed() });
  };
  refuse('name', names.fault(name), () => [names.rule]);
  const type = soundType(request.type, (message) => refuse('type', message, () => TYPE_FORMS));
  if (type !== undefined) refuse('default', defaultFault(type, filling), () => [defaultRule(type)]);
  refuse('doc', faultOfDoc(doc), () => [DOC_RULE]);
  if (faults.length > 0 || type === undefined) return { faults };
  const column: TypedField = {
    name,
    type,
    nullable: nullable ?? true,
    ...(filling !== undefined && filling !== null && { default: filling }),
    ...(doc !== undefined && doc !== null && { doc }),
  };
  return { column, faults };
}

/** The type, unless its text is none or something is wrong with its parts. */
function soundType(text: string, refuse: (message: string) => void): ColumnType | undefined {
  let sound = true;
  const refuseType = (message: string): void => {
    sound = false;
    refuse(message);
  };
  try {
    const type = parseType(text);
    refuseParts(type, '', refuseType);
    return sound ? type : undefined;
  } catch (error) {
    if (!(error instanceof TypeTextError)) throw error;
    refuse(error.message);
    return undefined;
  }
}

/** `at` is the path of the type below its column, with a point at its end: `lines.element.`. */
function refuseParts(type: ColumnType, at: string, refuse: (message: string) => void): void {
  const parts = partsOf(type);
  if (type.kind === 'struct') {
    const names = parts.map(({ name }) => name);
    for (const { index, first } of repeatedNames(names)) {
      const second = `${at}${nameText(names[index] ?? '')}`;
      refuse(
        `field ${second} has the name of ${nameText(names[first] ?? '')}; names must differ in more than case`,
      );
    }
  }
  for (const part of parts) {
    const path = `${at}${nameText(part.name)}`;
    const fault =
      (type.kind === 'struct' ? faultOfFieldName(part.name) : undefined) ??
      faultOfPartDefault(part.type, part.default, type.kind) ??
      faultOfDoc(part.doc);
    if (fault !== undefined) refuse(`field ${path} ${fault}`);
    refuseParts(part.type, `${path}.`, refuse);
  }
}

function faultOfDoc(doc: string | null | undefined): string | undefined {
  if (doc === undefined || doc === null || isPlainText(doc, MAX_DOC_CHARS)) return undefined;
  return `must have ${DOC_RULE}`;
}

/** What a default of the type must be, in words. */
export const defaultRule = (type: ColumnType): string =>
  type.kind === 'json'
    ? 'any JSON value, with integers from 2^53 to 2^64 as strings'
    : checkedType(type).rule;

/** Why a part of a list or struct cannot have this default. The grammar has none for elements, nor nested literals. */
export function faultOfPartDefault(
  type: ColumnType,
  filling: unknown,
  parentType: string,
): string | undefined {
  if (filling === undefined || filling === null) return undefined;
  if (parentType === 'struct' && partsOf(type).length === 0) return faultOfDefault(type, filling);
  return 'must not have a default; fields of scalar types and whole columns can';
}

/** Why a column of the type cannot have this default; undefined when it can. */
export function faultOfDefault(type: ColumnType, filling: unknown): string | undefined {
  if (filling === undefined || filling === null) return undefined;
  const text = JSON.stringify(filling);
  if (text.length > MAX_DEFAULT_CHARS) return `must have at most ${MAX_DEFAULT_CHARS} characters as JSON`;
  const fault = faultOfNumbers(type, filling);
  if (fault !== undefined) return fault;
  if (!isStorable(filling)) return 'must not have NUL or half of a surrogate pair';
  const { check, rule } = checkedType(type);
  // A check may change what it is given.
  return check(structuredClone(filling)) === REFUSED
    ? `must be ${rule}; found ${describeFound(filling)}`
    : undefined;
}

/** Above it a whole number can only have been meant as a double. */
const MAX_INTEGER = 2 ** 64;

/**
 * This body was parsed into doubles, so an integer beyond 2^53 may not be what was sent, and a number beyond their range is
 * infinite. Floats and doubles are no more exact than that, and their checks judge them.
 */
function faultOfNumbers(type: ColumnType, value: unknown): string | undefined {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return 'has a number beyond the range of 64 bits';
    const isExact = !Number.isInteger(value) || Number.isSafeInteger(value);
    const isDouble =
      type.kind === 'double' ||
      type.kind === 'float' ||
      (type.kind === 'json' && Math.abs(value) > MAX_INTEGER);
    return isExact || isDouble ? undefined : 'has an integer beyond 2^53: write it as a string';
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const parts = new Map(partsOf(type).map((part) => [part.name, part.type]));
  for (const [name, member] of Object.entries(value)) {
    const part = type.kind === 'list' ? type.element.type : (parts.get(name) ?? JSON_TYPE);
    const fault = faultOfNumbers(part, member);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** False for text that the catalog's jsonb refuses. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return isPlainText(value, Infinity);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, member]) => isPlainText(key, Infinity) && isStorable(member));
}

function isPlainText(text: string, maxChars: number): boolean {
  return text.length <= maxChars && !text.includes('\0') && text.isWellFormed();
}
