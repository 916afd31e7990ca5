import { ALLOWED_COLLATIONS } from './collations.js';
import { checkFunction, checkTableFunction } from './functions.js';
import { notAllowed } from './refusal.js';
import {
  alias,
  checkFields,
  empty,
  expression,
  isNode,
  list,
  modifier,
  type Node,
  object,
  optional,
  orderNode,
  type Place,
  plain,
  placeOf,
  type Rule,
  type Shape,
  statement,
} from './tree.js';
import { constant, type } from './types.js';

interface ExpressionKind {
  readonly types: ReadonlySet<string>;
  readonly shape: Shape;
}

const kind = (types: string, shape: Shape): ExpressionKind => ({ types: new Set(types.split(' ')), shape });

/** An expression of an allowed class, with allowed fields and nothing else. */
export const expressionRule: Rule = (value, place) => {
  const { node, at } = checkExpression(value, place);
  if (node.class === 'FUNCTION' || node.class === 'WINDOW') checkFunction(node, at);
};

/** What stands in FROM as a call. */
export const tableFunctionRule: Rule = (value, place) => {
  const { node, at } = checkExpression(value, place);
  if (node.class !== 'FUNCTION') throw notAllowed('FROM', 'only a function can be called in FROM', at.offset);
  checkTableFunction(node, at);
};

function checkExpression(value: unknown, place: Place): { node: Node; at: Place } {
  if (!isNode(value)) throw notAllowed('expression', 'this expression is not allowed', place.offset);
  const at = placeOf(value, place);
  const name = String(value.class);
  const found = Object.hasOwn(EXPRESSIONS, name) ? EXPRESSIONS[name] : undefined;
  if (found === undefined) throw notAllowed(name, `${name} is not allowed`, at.offset);
  if (!found.types.has(String(value.type)))
    throw notAllowed(String(value.type), `${String(value.type)} is not allowed`, at.offset);
  checkFields(value, { ...COMMON, ...found.shape }, at);
  return { node: value, at };
}

/** Column references that DuckDB takes for a call when no column has their name. */
const VALUE_FUNCTIONS = new Set([
  'current_catalog',
  'current_role',
  'current_schema',
  'current_user',
  'session_user',
  'user',
]);

const columnNames: Rule = (value, place, field) => {
  list(plain)(value, place, field);
  const parts = value as unknown[];
  const name = String(parts[0]).toLowerCase();
  if (parts.length === 1 && VALUE_FUNCTIONS.has(name))
    place.record.valueFunctions.push({ name, offset: place.offset });
};

const collation: Rule = (value, place) => {
  const parts = String(value).toLowerCase().split('.');
  if (!parts.every((part) => ALLOWED_COLLATIONS.has(part))) {
    throw notAllowed(String(value), `the collation ${String(value)} is not allowed`, place.offset);
  }
};

const parameter: Rule = (value, place, field) => {
  plain(value, place, field);
  place.record.parameters.add(String(value));
};

const qualifiedName = object({ catalog: empty, schema: empty, table: plain, column: plain });
const COMMON: Shape = { class: plain, type: plain, alias, query_location: plain };
const expressions = list(expression);
const optionalExpression = optional(expression);

const COMPARISONS =
  'COMPARE_EQUAL COMPARE_NOTEQUAL COMPARE_LESSTHAN COMPARE_GREATERTHAN COMPARE_LESSTHANOREQUALTO ' +
  'COMPARE_GREATERTHANOREQUALTO COMPARE_DISTINCT_FROM COMPARE_NOT_DISTINCT_FROM';

const OPERATORS =
  'OPERATOR_NOT OPERATOR_IS_NULL OPERATOR_IS_NOT_NULL OPERATOR_COALESCE OPERATOR_TRY OPERATOR_UNPACK COMPARE_IN ' +
  'COMPARE_NOT_IN ARRAY_EXTRACT ARRAY_SLICE ARRAY_CONSTRUCTOR STRUCT_EXTRACT ARROW GROUPING_FUNCTION';

const WINDOWS =
  'WINDOW_AGGREGATE WINDOW_RANK WINDOW_RANK_DENSE WINDOW_NTILE WINDOW_PERCENT_RANK WINDOW_CUME_DIST ' +
  'WINDOW_ROW_NUMBER WINDOW_FIRST_VALUE WINDOW_LAST_VALUE WINDOW_LEAD WINDOW_LAG WINDOW_NTH_VALUE WINDOW_FILL';

/** Fields as version 1.5.5 of the engine writes them. DEFAULT is absent on purpose. */
const EXPRESSIONS: Readonly<Record<string, ExpressionKind>> = {
  BETWEEN: kind('COMPARE_BETWEEN COMPARE_NOT_BETWEEN', {
    input: expression,
    lower: expression,
    upper: expression,
  }),
  CASE: kind('CASE_EXPR', {
    case_checks: list(object({ when_expr: expression, then_expr: expression })),
    else_expr: expression,
  }),
  CAST: kind('OPERATOR_CAST', { child: expression, cast_type: type, try_cast: plain }),
  COLLATE: kind('COLLATE', { child: expression, collation }),
  COLUMN_REF: kind('COLUMN_REF', { column_names: columnNames }),
  COMPARISON: kind(COMPARISONS, { left: expression, right: expression }),
  CONJUNCTION: kind('CONJUNCTION_AND CONJUNCTION_OR', { children: expressions }),
  CONSTANT: kind('VALUE_CONSTANT', { value: constant }),
  FUNCTION: kind('FUNCTION', {
    function_name: plain,
    schema: plain,
    catalog: plain,
    children: expressions,
    filter: optionalExpression,
    order_bys: optional(modifier),
    distinct: plain,
    is_operator: plain,
    export_state: empty,
  }),
  LAMBDA: kind('LAMBDA', {
    lhs: expression,
    expr: expression,
    syntax_type: plain,
    named_parameters: list(plain),
  }),
  OPERATOR: kind(OPERATORS, { children: expressions }),
  PARAMETER: kind('VALUE_PARAMETER', { identifier: parameter }),
  POSITIONAL_REFERENCE: kind('POSITIONAL_REFERENCE', { index: plain }),
  STAR: kind('STAR', {
    relation_name: plain,
    exclude_list: list(plain),
    replace_list: list(object({ key: alias, value: expression })),
    columns: plain,
    expr: optionalExpression,
    qualified_exclude_list: list(qualifiedName),
    rename_list: list(object({ key: qualifiedName, value: alias })),
  }),
  SUBQUERY: kind('SUBQUERY', {
    subquery_type: plain,
    subquery: statement,
    child: optionalExpression,
    comparison_type: plain,
  }),
  WINDOW: kind(WINDOWS, {
    function_name: plain,
    schema: plain,
    catalog: plain,
    children: expressions,
    partitions: expressions,
    orders: list(orderNode),
    start: plain,
    end: plain,
    start_expr: optionalExpression,
    end_expr: optionalExpression,
    offset_expr: optionalExpression,
    default_expr: optionalExpression,
    ignore_nulls: plain,
    filter_expr: optionalExpression,
    exclude_clause: plain,
    distinct: plain,
    arg_orders: list(orderNode),
  }),
};
