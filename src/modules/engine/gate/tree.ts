import { notAllowed } from './refusal.js';
import type { CteScope } from './scope.js';

export type Node = Readonly<Record<string, unknown>>;

/** The rules that need one another, given together so that their files do not. */
export interface Walk {
  readonly expression: Rule;
  readonly modifier: Rule;
  readonly query: Rule;
  readonly table: Rule;
  readonly tableFunction: Rule;
}

/** Where the walk is. `record` collects what the whole tree says. */
export interface Place {
  readonly walk: Walk;
  readonly scope: CteScope;
  readonly record: TreeRecord;
  /** Byte offset of the nearest node that has one. */
  readonly offset: number | undefined;
  /** Expressions, queries and tables around this place. */
  readonly depth: number;
}

/** What a walk finds out about a statement. */
export interface TreeRecord {
  /** The tenant's tables by lower-case name. */
  readonly known: ReadonlyMap<string, string>;
  /** Those that the statement reads. */
  readonly tables: Set<string>;
  readonly parameters: Set<string>;
  /** True when it reads the names of tables and columns. */
  readsCatalog: boolean;
  /** Names that the statement itself gives, in lower case. */
  readonly aliases: Set<string>;
  /** Bare names that are a function unless a column has them. */
  readonly valueFunctions: { readonly name: string; readonly offset: number | undefined }[];
}

/** Holds one field's value against its rule; throws a `Refusal`. */
export type Rule = (value: unknown, place: Place, field: string) => void;
export type Shape = Readonly<Record<string, Rule>>;

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const unknown = (field: string, place: Place) =>
  notAllowed(field, `"${field}" is not allowed here`, place.offset);

/** A string, number, boolean or null: nothing that could hold a node. */
export const plain: Rule = (value, place, field) => {
  if (typeof value === 'object' && value !== null) throw unknown(field, place);
};

export const optional =
  (rule: Rule): Rule =>
  (value, place, field) => {
    if (value !== null) rule(value, place, field);
  };

export const list =
  (rule: Rule): Rule =>
  (value, place, field) => {
    if (!Array.isArray(value)) throw unknown(field, place);
    for (const item of value) rule(item, place, field);
  };

/** Null, false, empty text or an empty list. */
export const empty: Rule = (value, place, field) => {
  const none =
    value === null || value === false || value === '' || (Array.isArray(value) && value.length === 0);
  if (!none) throw unknown(field, place);
};

export const oneOf =
  (values: ReadonlySet<string>): Rule =>
  (value, place, field) => {
    if (typeof value !== 'string' || !values.has(value))
      throw notAllowed(String(value), `${field} ${String(value)} is not allowed`, place.offset);
  };

/** Names that the statement gives. */
export const alias: Rule = (value, place, field) => {
  plain(value, place, field);
  if (typeof value === 'string' && value !== '') place.record.aliases.add(value.toLowerCase());
};

/** An object with these fields at most. */
export const object =
  (shape: Shape): Rule =>
  (value, place, field) => {
    if (!isNode(value)) throw unknown(field, place);
    checkFields(value, shape, place);
  };

/** Holds every field against the shape: one that it does not name is refused. */
export function checkFields(node: Node, shape: Shape, place: Place): void {
  for (const [field, value] of Object.entries(node)) {
    const rule = Object.hasOwn(shape, field) ? shape[field] : undefined;
    if (rule === undefined) throw unknown(field, place);
    rule(value, place, field);
  }
}

export const expression: Rule = (value, place, field) => place.walk.expression(value, place, field);
export const modifier: Rule = (value, place, field) => place.walk.modifier(value, place, field);
export const query: Rule = (value, place, field) => place.walk.query(value, place, field);
export const table: Rule = (value, place, field) => place.walk.table(value, place, field);
export const tableFunction: Rule = (value, place, field) => place.walk.tableFunction(value, place, field);

/** An entry of ORDER BY. */
export const orderNode: Rule = object({ type: plain, null_order: plain, expression });

const parameterName: Rule = (value, place, field) => {
  plain(value, place, field);
  place.record.parameters.add(String(value));
};

/** A whole SELECT, at the top or inside of something. */
export const statement: Rule = object({
  node: query,
  named_param_map: list(object({ key: parameterName, value: plain })),
});

/** As deep as the engine's own parser lets an expression be; its planner recurses over queries and joins too. */
const MAX_DEPTH = 1000;

/** The place of a node, one level deeper: where it says, else where its parent is. */
export function placeOf(node: Node, place: Place): Place {
  const depth = place.depth + 1;
  if (depth > MAX_DEPTH) throw notAllowed('statement', 'the statement is too deeply nested', place.offset);
  const offset = node.query_location;
  return typeof offset === 'number' && Number.isSafeInteger(offset)
    ? { ...place, depth, offset }
    : { ...place, depth };
}
