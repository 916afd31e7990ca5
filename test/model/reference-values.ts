import type { ColumnSpec } from './calls.js';
import { shownBy } from './values.js';

/** `id` is the column's for ever, and of no other; so are those of its parts. */
export interface Column extends ColumnSpec {
  readonly id: number;
  readonly parts?: readonly Column[];
  /** What it was before events made another type of it. */
  readonly former?: Column;
}

/** A value as a table keeps it, with the column that took it. Parts are known by the ids that they had. */
export type Stored = { readonly of: Column } & (
  | { readonly shown: unknown }
  | { readonly items: readonly (Stored | null)[] }
  | { readonly members: ReadonlyMap<number, Stored | null> }
);

/** With new ids, for the parts too. */
export function withIds({ name, type, parts, nullable, filling }: ColumnSpec, newId: () => number): Column {
  const id = newId();
  const below = parts?.map((part) => withIds(part, newId));
  return { id, name, type, ...(below && { parts: below }), nullable, filling };
}

/** Whether the column takes what a record has for it; undefined: the record lacks it. */
export function fits({ nullable, filling, type, parts = [] }: ColumnSpec, value: unknown): boolean {
  if (value === undefined) return nullable || filling !== undefined;
  if (value === null) return nullable;
  if (type === 'list')
    return Array.isArray(value) && value.every((item) => parts.every((part) => fits(part, item)));
  if (type !== 'struct') return shownBy(type, value) !== undefined;
  return (
    isObject(value) &&
    Object.keys(value).every((name) => parts.some((part) => part.name === name)) &&
    parts.every((part) => fits(part, value[part.name]))
  );
}

/** Of a value that fits; the default where the record lacks it. */
export function stored(column: Column, given: unknown): Stored | null {
  const value = given === undefined ? column.filling : given;
  if (value === undefined || value === null) return null;
  const { type, parts = [] } = column;
  const partsOf = (one: unknown) => parts.map((part) => stored(part, one));
  if (Array.isArray(value) && type === 'list') return { of: column, items: value.flatMap(partsOf) };
  if (!isObject(value) || type !== 'struct') return { of: column, shown: shownBy(type, value) };
  return {
    of: column,
    members: new Map(parts.map((part) => [part.id, stored(part, value[part.name])])),
  };
}

/** As a query shows it with the column as it is then. */
export function shown(value: Stored | null | undefined, column: Column): unknown {
  if (value === null || value === undefined) return null;
  const { type, parts = [], former } = column;
  if (former !== undefined && changesOf(value.of) < changesOf(column)) return converted(value, former, type);
  if ('items' in value) return value.items.flatMap((item) => parts.map((part) => shown(item, part)));
  if ('members' in value)
    return Object.fromEntries(parts.map((part) => [part.name, shown(value.members.get(part.id), part)]));
  return value.shown;
}

/** How often events have made it another column. */
const changesOf = ({ former }: Column): number => (former === undefined ? 0 : 1 + changesOf(former));

function converted(value: Stored, former: Column, type: string): unknown {
  if (type === 'json') return jsonText(value, former);
  const before = shown(value, former);
  return type === 'string' ? String(before) : (shownBy(type, before) ?? before);
}

/** What a json column shows of a value from before it was one. */
function jsonText(value: Stored | null | undefined, column: Column): string {
  if (value === null || value === undefined) return 'null';
  const { type, parts = [] } = column;
  if ('items' in value && type === 'list')
    return `[${value.items.flatMap((item) => parts.map((part) => jsonText(item, part))).join(',')}]`;
  if ('members' in value && type === 'struct')
    return `{${parts.map((part) => `${JSON.stringify(part.name)}:${jsonText(value.members.get(part.id), part)}`).join(',')}}`;
  const before = shown(value, column);
  // Numbers keep all of their digits.
  return type === 'json' || type === 'long' ? String(before) : JSON.stringify(before);
}

/** A default that the column goes on to have as another type: what rows show that had it. */
export function canonical({ type, parts = [] }: ColumnSpec, filling: unknown): unknown {
  if (Array.isArray(filling) && type === 'list')
    return filling.flatMap((item: unknown) => parts.map((part) => canonical(part, item)));
  if (isObject(filling) && type === 'struct')
    return Object.fromEntries(
      parts
        .toSorted((a, b) => byLength(a.name, b.name))
        .map((part) => [part.name, canonical(part, filling[part.name] ?? part.filling ?? null)]),
    );
  return type === 'json' || filling === null ? filling : (shownBy(type, filling) ?? filling);
}

/** The order in which Postgres keeps the names of an object, and so of a default. */
function byLength(one: string, other: string): number {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length - b.length || a.compare(b);
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
