import { notAllowed } from './refusal.js';
import { checkFields, empty, isNode, list, object, oneOf, plain, type Rule, type Shape } from './tree.js';

const TYPE_IDS = new Set([
  'NULL',
  'UNKNOWN',
  'BOOLEAN',
  'TINYINT',
  'SMALLINT',
  'INTEGER',
  'BIGINT',
  'HUGEINT',
  'UTINYINT',
  'USMALLINT',
  'UINTEGER',
  'UBIGINT',
  'UHUGEINT',
  'FLOAT',
  'DOUBLE',
  'DECIMAL',
  'BIGNUM',
  'VARCHAR',
  'BLOB',
  'BIT',
  'UUID',
  'DATE',
  'TIME',
  'TIME_NS',
  'TIME WITH TIME ZONE',
  'TIMESTAMP',
  'TIMESTAMP_S',
  'TIMESTAMP_MS',
  'TIMESTAMP_NS',
  'TIMESTAMP WITH TIME ZONE',
  'INTERVAL',
  'LIST',
  'ARRAY',
  'STRUCT',
  'MAP',
  'UNION',
  'UNBOUND',
  'INTEGER_LITERAL',
  'STRING_LITERAL',
]);

/** Types that the parser leaves to the catalog to find. */
const UNBOUND_NAMES = new Set(['json', 'enum', 'list']);

const unboundName: Rule = (value, place) => {
  if (typeof value !== 'string' || !UNBOUND_NAMES.has(value.toLowerCase())) {
    throw notAllowed(String(value), `the type ${String(value)} is not allowed`, place.offset);
  }
};

export const type: Rule = (value, place, field) =>
  object({ id: oneOf(TYPE_IDS), type_info: typeInfo })(value, place, field);

const INFO_COMMON: Shape = { type: plain, alias: plain, extension_info: empty };

const TYPE_INFOS: Readonly<Record<string, Shape>> = {
  DECIMAL_TYPE_INFO: { width: plain, scale: plain },
  STRING_TYPE_INFO: { collation: empty },
  LIST_TYPE_INFO: { child_type: type },
  ARRAY_TYPE_INFO: { child_type: type, size: plain },
  STRUCT_TYPE_INFO: { child_types: list(object({ first: plain, second: type })) },
  INTEGER_LITERAL_TYPE_INFO: { constant_value: (value, place, field) => constant(value, place, field) },
  UNBOUND_TYPE_INFO: {
    name: unboundName,
    catalog: empty,
    schema: empty,
    user_type_modifiers: list((value, place, field) => constant(value, place, field)),
  },
};

function typeInfo(...[value, place, field]: Parameters<Rule>): void {
  if (value === null) return;
  const shape = isNode(value) && typeof value.type === 'string' ? TYPE_INFOS[value.type] : undefined;
  if (!isNode(value) || shape === undefined)
    throw notAllowed(field, 'this type is not allowed', place.offset);
  checkFields(value, { ...INFO_COMMON, ...shape }, place);
}

const halves = object({ upper: plain, lower: plain });

/** A literal: its type, and a value that is plain or the two halves of a 128-bit number. */
export const constant: Rule = (value, place, field) =>
  object({
    type,
    is_null: plain,
    value: (inner, at, name) => (isNode(inner) ? halves(inner, at, name) : plain(inner, at, name)),
  })(value, place, field);
