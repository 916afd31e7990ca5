import { notAllowed } from './refusal.js';
import {
  checkFields,
  expression,
  isNode,
  list,
  optional,
  orderNode,
  plain,
  type Rule,
  type Shape,
} from './tree.js';

const MODIFIERS: Readonly<Record<string, Shape>> = {
  LIMIT_MODIFIER: { type: plain, limit: optional(expression), offset: optional(expression) },
  LIMIT_PERCENT_MODIFIER: { type: plain, limit: optional(expression), offset: optional(expression) },
  ORDER_MODIFIER: { type: plain, orders: list(orderNode) },
  DISTINCT_MODIFIER: { type: plain, distinct_on_targets: list(expression) },
};

/** ORDER BY, LIMIT, OFFSET and DISTINCT. */
export const modifierRule: Rule = (value, place, field) => {
  const name = isNode(value) ? String(value.type) : field;
  const shape = Object.hasOwn(MODIFIERS, name) ? MODIFIERS[name] : undefined;
  if (!isNode(value) || shape === undefined) throw notAllowed(name, `${name} is not allowed`, place.offset);
  checkFields(value, shape, place);
};
