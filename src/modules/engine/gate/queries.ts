import { notAllowed } from './refusal.js';
import type { CteScope } from './scope.js';
import {
  alias,
  checkFields,
  expression,
  isNode,
  list,
  modifier,
  type Node,
  object,
  optional,
  type Place,
  placeOf,
  plain,
  query,
  type Rule,
  type Shape,
  statement,
  table,
} from './tree.js';
import { constant } from './types.js';

/** TABLESAMPLE and USING SAMPLE. */
export const sample: Rule = object({
  sample_size: constant,
  is_percentage: plain,
  method: plain,
  seed: plain,
});

/** Checked apart, because it sets the scope of the rest. */
const done: Rule = () => undefined;
const COMMON: Shape = { type: plain, modifiers: list(modifier), cte_map: done };

const QUERIES: Readonly<Record<string, Shape>> = {
  SELECT_NODE: {
    select_list: list(expression),
    from_table: table,
    where_clause: optional(expression),
    group_expressions: list(expression),
    group_sets: list(list(plain)),
    aggregate_handling: plain,
    having: optional(expression),
    sample: optional(sample),
    qualify: optional(expression),
  },
  SET_OPERATION_NODE: { setop_type: plain, setop_all: plain, left: query, right: query },
};

/** A query node: SELECT, a set operation, or the two halves of a recursive expression. */
export const queryRule: Rule = (value, place, field) => {
  if (!isNode(value)) throw notAllowed(field, 'this query is not allowed', place.offset);
  const name = String(value.type);
  const at = placeOf(value, place);
  const inner = { ...at, scope: withCtes(value.cte_map, at) };
  if (name === 'RECURSIVE_CTE_NODE') return recursive(value, inner);
  const shape = Object.hasOwn(QUERIES, name) ? QUERIES[name] : undefined;
  if (shape === undefined) throw notAllowed(name, `${name} is not allowed`, place.offset);
  checkFields(value, { ...COMMON, ...shape }, inner);
};

/** Only the second half sees the expression's own name. */
function recursive(node: Node, place: Place): void {
  const own: Place = { ...place, scope: place.scope.with(cteName(node.cte_name, place)) };
  const inOwn: Rule = (value, _, field) => query(value, own, field);
  const shape: Shape = {
    ...COMMON,
    cte_name: plain,
    union_all: plain,
    left: query,
    right: inOwn,
    aliases: list(alias),
    key_targets: list(expression),
  };
  checkFields(node, shape, place);
}

/** Each expression sees those before it; the query sees them all. */
function withCtes(value: unknown, place: Place): CteScope {
  if (!isNode(value)) throw notAllowed('WITH', 'this WITH is not allowed', place.offset);
  checkFields(value, { map: list(object({ key: plain, value: done })) }, place);
  let { scope } = place;
  for (const entry of value.map as { key: unknown; value: unknown }[]) {
    const name = cteName(entry.key, place);
    object({ aliases: list(alias), query: statement, materialized: plain, key_targets: list(expression) })(
      entry.value,
      { ...place, scope },
      'WITH',
    );
    scope = scope.with(name);
  }
  return scope;
}

/** A name that could be taken for a file or a pattern of files is refused, wherever it would resolve. */
function cteName(value: unknown, place: Place): string {
  if (typeof value !== 'string' || value === '' || /[./\\:*?[\]{}~%\p{Cc}]/u.test(value)) {
    throw notAllowed(
      String(value),
      `a WITH expression cannot have the name "${String(value)}"`,
      place.offset,
    );
  }
  place.record.aliases.add(value.toLowerCase());
  return value;
}
