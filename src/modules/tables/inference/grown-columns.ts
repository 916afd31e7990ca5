import {
  columnType,
  partsOf,
  typeText,
  type Column,
  type ColumnType,
  type TypedField,
} from '../../../kernel/index.js';
import { REFUSED, scalarCheck } from '../column-checks.js';
import { lastFieldId, withFieldIds } from '../field-ids.js';
import { isWider } from '../widening.js';
import { joinedType } from './joined-type.js';

/** How often a column may be kept under a new field id; the next time it becomes json as a whole, for good. */
const MAX_FORMER = 8;

const JSON_TYPE: ColumnType = { kind: 'json' };

export interface Growing {
  readonly columns: readonly Column[];
  /** The highest field id that a column ever had. */
  readonly lastColumnId: number;
}

/**
 * The columns with room for what is needed: known ones joined with the type that they need, new ones behind them,
 * nullable. Nothing else of a known column changes. The caller checks names and limits.
 */
export function grownColumns({ columns, lastColumnId }: Growing, needed: readonly TypedField[]): Growing {
  const ids = new FieldIds(lastColumnId);
  const byName = new Map(needed.map((field) => [field.name, field]));
  const known = new Set(columns.map(({ name }) => name));
  const grown = columns.map((column) => {
    const need = byName.get(column.name);
    return need === undefined ? column : grownColumn(column, need.type, ids);
  });
  const added = needed.filter(({ name }) => !known.has(name)).map((field) => ids.columnOf(field));
  return { columns: [...grown, ...added], lastColumnId: ids.last };
}

function grownColumn(column: Column, needed: ColumnType, ids: FieldIds): Column {
  const target = joinedType(columnType(column), needed);
  if (staysInPlace(column, target)) return inPlace(column, target, ids);
  const { former = [], ...last } = column;
  const kept = former.length < MAX_FORMER ? target : JSON_TYPE;
  return { ...renewed(column, kept, ids), former: [...former, last] };
}

/** True where files with the old type can be read as the new one under the same field ids. */
function staysInPlace(column: Column, target: ColumnType): boolean {
  const type = columnType(column);
  const nested = type.kind === target.kind && partsOf(type).length > 0;
  if (!nested) return typeText(type) === typeText(target) || isWider(typeText(type), typeText(target));
  const targets = new Map(partsOf(target).map((part) => [part.name, part.type]));
  return (column.fields ?? []).every((part) => {
    const next = targets.get(part.name);
    return next !== undefined && staysInPlace(part, next);
  });
}

/** Known parts keep their ids, new ones get some. */
function inPlace(column: Column, target: ColumnType, ids: FieldIds): Column {
  const { fields: before, ...next } = retyped(column, target);
  if (before === undefined) return next;
  const known = new Map(before.map((part) => [part.name, part]));
  const fields = partsOf(target).map((part) => {
    const old = known.get(part.name);
    return old === undefined ? ids.columnOf(part) : inPlace(old, part.type, ids);
  });
  return { ...next, fields };
}

/** New field ids for the column and all its parts, which remember the ones that they had. */
function renewed(column: Column, target: ColumnType, ids: FieldIds): Column {
  const { fields: before = [], id, formerIds = [], ...attributes } = retyped(column, target);
  const known = new Map(before.map((part) => [part.name, part]));
  const next = { ...attributes, id: ids.take(), formerIds: [...formerIds, id] };
  const parts = partsOf(target);
  if (parts.length === 0) return next;
  return {
    ...next,
    fields: parts.map((part) => {
      const old = known.get(part.name);
      return old === undefined ? ids.columnOf(part) : renewed(old, part.type, ids);
    }),
  };
}

/** The column with the scalar type, or the kind of the nested one. Its default is written so that both types take it. */
function retyped(column: Column, target: ColumnType): Column {
  const { fields, default: filling, ...attributes } = column;
  const before = columnType(column);
  const type = target.kind === 'decimal' ? typeText(target) : target.kind;
  const isKept = filling === undefined || typeText(before) === typeText(target);
  const kept = isKept ? filling : asShown(before, filling);
  return {
    ...attributes,
    type,
    ...(kept !== undefined && { default: kept }),
    ...(type === column.type && fields !== undefined && { fields }),
  };
}

/** A default as queries show the value, which is what rows from before have under the next type. */
function asShown(type: ColumnType, filling: unknown): unknown {
  if (filling === null || type.kind === 'json') return filling;
  if (type.kind === 'list') return (filling as unknown[]).map((item) => asShown(type.element.type, item));
  if (type.kind === 'struct') {
    const given = filling as Readonly<Record<string, unknown>>;
    const members = type.fields.map((field): [string, unknown] => [
      field.name,
      asShown(field.type, (Object.hasOwn(given, field.name) ? given[field.name] : field.default) ?? null),
    ]);
    return Object.fromEntries(members);
  }
  const value = scalarCheck(type).check(filling);
  if (value === REFUSED) throw new Error('a default is not of its type');
  switch (type.kind) {
    case 'float':
      return typeof value === 'number' ? Math.fround(value) : value;
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return inMicroseconds(value as string);
    default:
      return value;
  }
}

/** The canonical form of a time has no fraction where that is zero. */
const inMicroseconds = (time: string): string =>
  time.includes('.') ? time : time.replace(/Z?$/, '.000000$&');

/** Field ids in order, none used twice. */
class FieldIds {
  constructor(public last: number) {}

  take(): number {
    this.last += 1;
    return this.last;
  }

  /** A new column, all of it nullable. */
  columnOf(field: TypedField): Column {
    const [column] = withFieldIds([field], this.last + 1);
    if (column === undefined) throw new Error('a field makes a column');
    this.last = lastFieldId([column]);
    return column;
  }
}
