import type { ColumnSpec } from './calls.js';
import { shownBy } from './values.js';

/** `id` is the column's for ever, and of no other; so are those of its parts. */
export interface Column extends ColumnSpec {
  readonly id: number;
  readonly parts?: readonly Column[];
}

/** A value as a table keeps it: each part by the id that it was accepted under. */
export type Stored =
  | { readonly shown: unknown }
  | { readonly items: readonly (Stored | null)[] }
  | { readonly members: ReadonlyMap<number, Stored | null> };

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
  if (Array.isArray(value) && type === 'list')
    return { items: value.flatMap((item) => parts.map((part) => stored(part, item))) };
  if (isObject(value) && type === 'struct')
    return { members: new Map(parts.map((part) => [part.id, stored(part, value[part.name])])) };
  return { shown: shownBy(type, value) };
}

/** As a query shows it with the column as it is then. */
export function shown(value: Stored | null | undefined, { parts = [] }: Column): unknown {
  if (value === null || value === undefined) return null;
  if ('items' in value) return value.items.flatMap((item) => parts.map((part) => shown(item, part)));
  if ('shown' in value) return value.shown;
  return Object.fromEntries(parts.map((part) => [part.name, shown(value.members.get(part.id), part)]));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
