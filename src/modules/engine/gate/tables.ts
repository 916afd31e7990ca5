import { sample } from './queries.js';
import { notAllowed, Refusal } from './refusal.js';
import { foldCase } from './scope.js';
import {
  alias,
  checkFields,
  empty,
  expression,
  isNode,
  list,
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
  tableFunction,
} from './tree.js';
import { constant, type } from './types.js';

const atClause: Rule = (value, place) => {
  if (value !== null) {
    throw notAllowed(
      'AT',
      'AT is not allowed: name the snapshot with `snapshot_id` or `snapshot_time`',
      place.offset,
    );
  }
};

const COMMON: Shape = { type: plain, alias, sample: optional(sample), query_location: plain };

const TABLES: Readonly<Record<string, Shape>> = {
  BASE_TABLE: {
    schema_name: plain,
    table_name: plain,
    catalog_name: plain,
    column_name_alias: list(alias),
    at_clause: atClause,
  },
  EMPTY: {},
  EXPRESSION_LIST: {
    expected_names: list(alias),
    expected_types: list(type),
    values: list(list(expression)),
  },
  JOIN: {
    left: table,
    right: table,
    condition: optional(expression),
    join_type: plain,
    ref_type: plain,
    using_columns: list(plain),
    delim_flipped: empty,
    duplicate_eliminated_columns: empty,
  },
  PIVOT: {
    source: table,
    aggregates: list(expression),
    unpivot_names: list(alias),
    pivots: list(
      object({
        pivot_expressions: list(expression),
        unpivot_names: list(alias),
        entries: list(object({ values: list(constant), star_expr: optional(expression), alias })),
        pivot_enum: empty,
      }),
    ),
    groups: list(plain),
    column_name_alias: list(alias),
    include_nulls: plain,
  },
  SHOW_REF: {
    table_name: plain,
    query: optional(query),
    show_type: plain,
    catalog_name: empty,
    schema_name: empty,
  },
  SUBQUERY: { subquery: statement, column_name_alias: list(alias) },
  TABLE_FUNCTION: {
    function: tableFunction,
    column_name_alias: list(alias),
    with_ordinality: plain,
  },
};

/** What stands in FROM. A plain name is a WITH expression in scope or one of the tenant's tables. */
export const tableRule: Rule = (value, place, field) => {
  const name = isNode(value) ? String(value.type) : field;
  const shape = Object.hasOwn(TABLES, name) ? TABLES[name] : undefined;
  if (!isNode(value) || shape === undefined) throw notAllowed(name, `${name} is not allowed`, place.offset);
  const at = placeOf(value, place);
  checkFields(value, { ...COMMON, ...shape }, at);
  if (name === 'BASE_TABLE') resolve(value, at);
  if (name === 'SHOW_REF') checkShow(value, at);
};

/** Views of the engine that list what the instance has: the tenant's tables alone. */
const CATALOG_VIEWS = new Set(['information_schema.tables', 'information_schema.columns']);

function resolve(node: Node, place: Place): void {
  const name = String(node.table_name);
  const full = [node.catalog_name, node.schema_name, name]
    .map(String)
    .filter((part) => part !== '')
    .join('.');
  if (node.catalog_name === '' && CATALOG_VIEWS.has(full.toLowerCase()) && full !== name) {
    place.record.readsCatalog = true;
    return;
  }
  if (full !== name) {
    throw notAllowed(full, `${full} is not allowed: name a table without catalog or schema`, place.offset);
  }
  if (place.scope.has(name)) return;
  const known = place.record.known.get(foldCase(name));
  if (known !== undefined) {
    place.record.tables.add(known);
    return;
  }
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) {
    throw notAllowed(name, `"${name}" is not a table: files and other sources cannot be read`, place.offset);
  }
  throw new Refusal('TABLE_UNKNOWN', `there is no table ${name}`, { name, offset: place.offset });
}

/** DESCRIBE and SUMMARIZE of a query, and SHOW TABLES. */
function checkShow(node: Node, place: Place): void {
  const kind = String(node.show_type);
  if (node.query !== null && node.table_name === '' && (kind === 'DESCRIBE' || kind === 'SUMMARY')) return;
  if (node.query === null && node.table_name === '"tables"' && kind === 'SHOW_UNQUALIFIED') {
    place.record.readsCatalog = true;
    return;
  }
  throw notAllowed('SHOW', 'of SHOW, only SHOW TABLES is allowed', place.offset);
}
