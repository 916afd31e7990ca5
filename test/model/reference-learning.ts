import { refused, type Refusal } from './refusal.js';
import { canonical, fits, isObject, withIds, type Column } from './reference-values.js';
import type { ColumnSpec } from './calls.js';

type Type = Pick<ColumnSpec, 'type' | 'parts'>;
type Payload = Readonly<Record<string, unknown>>;

export interface Learner {
  /** Else the events make its first version only. */
  readonly evolves: boolean;
  readonly newId: () => number;
}

/** The columns that take all of the payloads, written from what docs/schema-evolution.md says under "Learning from events". */
export function learnt(
  columns: readonly Column[],
  payloads: readonly Payload[],
  learner: Learner,
): readonly Column[] | Refusal {
  const next = grownFields(columns, payloads, learner);
  return isSound(next) ? next : refused('SCHEMA_VIOLATION');
}

/** Fields of a struct, or the columns of a table. New ones come in the order of their first appearance. */
function grownFields(
  fields: readonly Column[],
  objects: readonly Payload[],
  learner: Learner,
): readonly Column[] {
  const valuesOf = (name: string): unknown[] =>
    objects.flatMap((object) => (Object.hasOwn(object, name) ? [object[name]] : []));
  const known = fields.map((field) => grown(field, valuesOf(field.name), learner));
  const names = new Set(objects.flatMap((object) => Object.keys(object)));
  const added = [...names].flatMap((name) => {
    if (fields.some((field) => field.name === name)) return [];
    const type = fieldType(valuesOf(name), learner.evolves);
    return type === undefined ? [] : [withIds(newField(name, type), learner.newId)];
  });
  return [...known, ...added];
}

/** Until it takes all of the values: what a column took before may not fit what it has become. */
function grown(column: Column, values: readonly unknown[], learner: Learner): Column {
  const next = grownOnce(column, values, learner);
  return next === column ? column : grown(next, values, learner);
}

function grownOnce(column: Column, values: readonly unknown[], learner: Learner): Column {
  const present = values.filter((value) => value !== null);
  const untaken = present.filter((value) => !takes(column, value));
  if (untaken.length === 0) return column;
  const { type, parts = [] } = column;
  const filling = column.filling === undefined ? undefined : canonical(column, column.filling);
  if (type === 'list' && present.every(Array.isArray))
    return { ...column, filling, parts: parts.map((part) => grown(part, present.flat(), learner)) };
  if (type === 'struct' && present.every(isObject))
    return { ...column, filling, parts: grownFields(parts, present, learner) };
  const { parts: _, ...whole } = column;
  const next = joined(type, typeOf(untaken, true)?.type ?? 'json');
  return { ...whole, type: next, filling, former: column };
}

/** Without the fields that are not there and are null, which a table that evolves leaves out. */
export const known = (fields: readonly ColumnSpec[], object: Payload): Payload =>
  Object.fromEntries(
    Object.entries(object).flatMap(([name, value]): [string, unknown][] => {
      const field = fields.find((one) => one.name === name);
      if (field !== undefined) return [[name, knownOf(field, value)]];
      return value === null ? [] : [[name, value]];
    }),
  );

function knownOf({ type, parts = [] }: ColumnSpec, value: unknown): unknown {
  if (type === 'struct' && isObject(value)) return known(parts, value);
  if (type !== 'list' || !Array.isArray(value)) return value;
  return value.flatMap((item: unknown) => parts.map((part) => knownOf(part, item)));
}

/** What is absent, or null where it must not be, is not the type's fault. */
const takes = (column: Column, value: unknown): boolean => fits(loose(column), knownOf(column, value));

const loose = (column: ColumnSpec): ColumnSpec => ({
  ...column,
  nullable: true,
  ...(column.parts && { parts: column.parts.map(loose) }),
});

const newField = (name: string, { type, parts }: Type): ColumnSpec => ({
  name,
  type,
  ...(parts && { parts }),
  nullable: true,
  filling: undefined,
});

/** Of a field that is not there yet. A table that evolves waits for a value. */
const fieldType = (values: readonly unknown[], evolves: boolean): Type | undefined =>
  typeOf(values, evolves) ?? (evolves ? undefined : { type: 'json' });

/** Undefined where there is nothing but null. */
function typeOf(values: readonly unknown[], evolves: boolean): Type | undefined {
  const present = values.filter((value) => value !== null);
  const [kind, ...others] = new Set(present.map(kindOf));
  if (kind === undefined) return undefined;
  if (others.length > 0) return { type: 'json' };
  switch (kind) {
    case 'array':
      return {
        type: 'list',
        parts: [newField('element', typeOf(present.flat(), evolves) ?? { type: 'json' })],
      };
    case 'object':
      return objectType(present.filter(isObject), evolves);
    case 'string':
      return { type: textType(present.map(String)) };
    case 'number':
      return { type: numberType(present.map(Number), evolves) };
    default:
      return { type: kind };
  }
}

function objectType(objects: readonly Payload[], evolves: boolean): Type {
  const names = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  const valuesOf = (name: string) =>
    objects.flatMap((object) => (Object.hasOwn(object, name) ? [object[name]] : []));
  const parts = names.flatMap((name) => {
    const type = fieldType(valuesOf(name), evolves);
    return type === undefined ? [] : [newField(name, type)];
  });
  return parts.length === 0 ? { type: 'json' } : { type: 'struct', parts };
}

const kindOf = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value);

/** No program has integers beyond 2^53. */
function numberType(numbers: readonly number[], evolves: boolean): string {
  if (!numbers.every(Number.isInteger)) return 'double';
  return evolves && numbers.every((number) => number === (number | 0)) ? 'int' : 'long';
}

const TEXTS: readonly (readonly [type: string, pattern: RegExp])[] = [
  ['timestamptz', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)$/],
  ['date', /^\d{4}-\d\d-\d\d$/],
  ['uuid', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
];

const textType = (texts: readonly string[]): string =>
  TEXTS.find(([, pattern]) => texts.every((text) => pattern.test(text)))?.[0] ?? 'string';

const TEXT_TYPES = ['string', 'uuid', 'binary', 'date', 'time', 'timestamp', 'timestamptz'];

/** What a column of one type becomes that meets another. */
function joined(one: string, other: string): string {
  const pair = [one, other];
  const are = (...types: string[]) => types.every((type) => pair.includes(type));
  if (one === other) return one;
  if (are('int', 'long')) return 'long';
  if (are('int', 'double') || are('float', 'double') || are('int', 'float')) return 'double';
  if (pair.every((type) => TEXT_TYPES.includes(type))) return 'string';
  return decimalOf(pair) ?? 'json';
}

const WHOLE_DIGITS: Readonly<Record<string, number>> = { int: 10, long: 19 };

/** As many digits on each side of the point as either needs. */
function decimalOf(types: readonly string[]): string | undefined {
  const sides = types.map((type) => {
    const [precision = 0, scale = 0] = type.startsWith('decimal')
      ? (type.match(/\d+/g) ?? []).map(Number)
      : [];
    const whole = WHOLE_DIGITS[type] ?? precision - scale;
    return whole === 0 && scale === 0 ? undefined : { whole, scale };
  });
  if (sides.includes(undefined)) return undefined;
  const [whole, scale] = [
    Math.max(...sides.map((side) => side?.whole ?? 0)),
    Math.max(...sides.map((side) => side?.scale ?? 0)),
  ];
  return whole + scale > 38 ? undefined : `decimal(${whole + scale},${scale})`;
}

/** Names of siblings differ in more than case, and columns do not begin with `_`. */
const isSound = (columns: readonly Column[]): boolean =>
  columns.every(({ name }) => !name.startsWith('_')) && haveOwnNames(columns);

const haveOwnNames = (siblings: readonly Column[]): boolean =>
  new Set(siblings.map(({ name }) => name.toLowerCase())).size === siblings.length &&
  siblings.every(({ parts = [] }) => haveOwnNames(parts));
