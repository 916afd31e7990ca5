import { nameText, type Column } from '../../kernel/index.js';

/** A column, or a part of one: from the top of the schema down to it. */
export type ColumnPath = readonly [Column, ...Column[]];

/**
 * What a path names: `address.city`, `lines.element.sku`, `address."odd name"`; any name may be quoted. A name that equals
 * all of the text comes first, so that plain names may have points of their own.
 */
export function findColumn(columns: readonly Column[], text: string): ColumnPath | undefined {
  const whole =
    columns.find(({ name }) => name === text) ?? columns.find(({ name }) => quotedStart(name, text) === text);
  if (whole !== undefined) return [whole];
  for (const column of columns) {
    const rest = restBelow(column, text);
    const below = rest === undefined ? undefined : findColumn(column.fields ?? [], rest);
    if (below !== undefined) return [column, ...below];
  }
  return undefined;
}

/** The deepest list or struct that the text leads to, with what is left of the text. Undefined where none does. */
export function findParent(
  columns: readonly Column[],
  text: string,
): { readonly path: ColumnPath; readonly rest: string } | undefined {
  for (const column of columns) {
    const rest = column.fields === undefined ? undefined : restBelow(column, text);
    if (rest === undefined) continue;
    const deeper = findParent(column.fields ?? [], rest);
    return deeper === undefined
      ? { path: [column], rest }
      : { path: [column, ...deeper.path], rest: deeper.rest };
  }
  return undefined;
}

function restBelow({ name }: Column, text: string): string | undefined {
  if (text.startsWith(`${name}.`)) return text.slice(name.length + 1);
  const quoted = quotedStart(name, text);
  return quoted !== undefined && text[quoted.length] === '.' ? text.slice(quoted.length + 1) : undefined;
}

/** The name in double quotes, where the text begins with it. */
function quotedStart(name: string, text: string): string | undefined {
  if (!text.startsWith('"')) return undefined;
  const quoted = JSON.stringify(name);
  return text.startsWith(quoted) ? quoted : undefined;
}

/** The last step of a path. */
export const targetOf = (path: ColumnPath): Column => path.at(-1) ?? path[0];

/** What holds the target; undefined for a column of the table. */
export const parentOf = (path: ColumnPath): Column | undefined => path.at(-2);

/** The path as users write it; a column of the table as it is. */
export const pathText = (path: ColumnPath): string =>
  path.length === 1 ? path[0].name : path.map(({ name }) => nameText(name)).join('.');

/** The columns with the list changed that stands below `parents`: the table's own where there is none. */
export function changedBelow(
  columns: readonly Column[],
  parents: readonly Column[],
  change: (siblings: readonly Column[]) => readonly Column[],
): readonly Column[] {
  const [parent, ...below] = parents;
  if (parent === undefined) return change(columns);
  return columns.map((column) =>
    column === parent ? { ...column, fields: changedBelow(column.fields ?? [], below, change) } : column,
  );
}
