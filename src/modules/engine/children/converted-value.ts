import { type Column, columnType } from '../../../kernel/columns.js';
import { duckdbType, quoteName, quoteText } from './column-sql.js';

/**
 * SQL that makes a value of the whole column `to` from `value`, which is SQL of the type of `from`: what the column was
 * at an earlier version, or a later one. It may have changed its type more than once since then. Each change takes what
 * was shown before it: a field's name of that time, and no field that was dropped.
 */
export function valueSince(from: Column, to: Column, value: string): string {
  const { former = [] } = to;
  const at = former.findIndex(({ id }) => id === from.id);
  const [next = to, ...later] = at < 0 ? [] : [...former.slice(at), to];
  return later.reduce(
    ({ column, sql }, after) => ({
      column: after,
      sql: bound(sql, (was) => convertedValue(column, after, was)),
    }),
    { column: next, sql: convertedValue(from, next, value) },
  ).sql;
}

/**
 * One change of a column or part: SQL of the type of `to` from SQL of the type of `from`. Parts are told by their field
 * ids. What a text or json column gets is what queries showed of the value before; numbers keep their digits.
 */
function convertedValue(from: Column, to: Column, value: string, depth = 0): string {
  if (to.type === 'json') return from.type === 'json' ? value : jsonOf(from, value, depth);
  const [before, after] = [duckdbType(columnType(from)), duckdbType(columnType(to))];
  if (before === after && sameIds(from, to)) return value;
  if (to.type === 'string') return textOf(from.type, value);
  if (from.type !== to.type || to.fields === undefined) {
    return `CAST(${value} AS ${after})`;
  }
  const [element] = to.fields;
  const parts = from.fields ?? [];
  if (to.type === 'list' && element !== undefined) {
    return mapped(value, depth, (item, inner) => convertedPart(parts, element, item, () => item, inner));
  }
  const fields = to.fields.map((part) => {
    const extract = ({ name }: Column): string => `struct_extract(${value}, ${quoteText(name)})`;
    return `${quoteName(part.name)} := ${convertedPart(parts, part, value, extract, depth)}`;
  });
  return unlessNull(value, `struct_pack(${fields.join(', ')})`);
}

/** The column or part that `to` was, among those of another version. */
export function formerSelf(candidates: readonly Column[], to: Column): Column | undefined {
  const ids = [to.id, ...(to.formerIds ?? [])];
  return candidates.find(({ id }) => ids.includes(id));
}

function convertedPart(
  parts: readonly Column[],
  to: Column,
  whole: string,
  extract: (part: Column) => string,
  depth: number,
): string {
  const from = formerSelf(parts, to);
  return from === undefined
    ? `CAST(NULL AS ${duckdbType(columnType(to))})`
    : convertedValue(from, to, extract(from), depth);
}

/** SQL of type JSON. A part in it is written as a value of its own would be. */
function jsonOf(from: Column, value: string, depth: number): string {
  const [element] = from.fields ?? [];
  if (from.type === 'list' && element !== undefined) {
    return `to_json(${mapped(value, depth, (item, inner) => jsonOf(element, item, inner))})`;
  }
  if (from.fields !== undefined) {
    const fields = from.fields.map((part) => {
      const member = `struct_extract(${value}, ${quoteText(part.name)})`;
      return `${quoteName(part.name)} := ${jsonOf(part, member, depth)}`;
    });
    return unlessNull(value, `to_json(struct_pack(${fields.join(', ')}))`);
  }
  switch (from.type) {
    case 'json':
      return value;
    case 'boolean':
    case 'int':
    case 'long':
    case 'string':
    case 'uuid':
      return `to_json(${value})`;
    case 'float':
    case 'double':
      return (
        `CASE WHEN isfinite(${value}) THEN ${numberOf(value)} WHEN isnan(${value}) THEN to_json('NaN') ` +
        `WHEN ${value} > 0 THEN to_json('Infinity') WHEN ${value} < 0 THEN to_json('-Infinity') END`
      );
    default:
      return `to_json(${textOf(from.type, value)})`;
  }
}

/** Without the sign of a zero, and the point and zero that a whole number has in DuckDB's JSON. */
const numberOf = (value: string): string =>
  `CAST(regexp_replace(CAST(to_json(${value} + CAST(0 AS DOUBLE)) AS VARCHAR), '\\.0$', '') AS JSON)`;

/** SQL of a text, as results show a value of the type. */
function textOf(type: string, value: string): string {
  switch (type) {
    case 'binary':
      return `to_base64(${value})`;
    case 'time':
      return `strftime(DATE '1970-01-01' + ${value}, '%H:%M:%S.%f')`;
    case 'timestamp':
      return instantText(value);
    case 'timestamptz':
      return `${instantText(`make_timestamp(epoch_us(${value}))`)} || 'Z'`;
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

const instantText = (timestamp: string): string => `strftime(${timestamp}, '%Y-%m-%dT%H:%M:%S.%f')`;

/** A list with each item replaced; a null list is none. */
function mapped(
  list: string,
  depth: number,
  replacement: (item: string, innerDepth: number) => string,
): string {
  const item = `part_${depth}`;
  return `list_transform(${list}, lambda ${item}: ${replacement(item, depth + 1)})`;
}

/** An expression over a value that is made once, and named. */
const bound = (value: string, expression: (name: string) => string): string =>
  `list_transform([${value}], lambda was: ${expression('was')})[1]`;

/** A null struct is not a struct of nulls. */
const unlessNull = (value: string, sql: string): string =>
  `CASE WHEN ${value} IS NULL THEN NULL ELSE ${sql} END`;

function sameIds(a: Column, b: Column): boolean {
  const [parts = [], others = []] = [a.fields, b.fields];
  return (
    a.id === b.id &&
    parts.length === others.length &&
    parts.every((part, index) => sameIds(part, others[index] as Column))
  );
}
