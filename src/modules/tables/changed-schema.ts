import {
  columnType,
  columnTypeText,
  LIST_ELEMENT,
  MAX_TYPE_DEPTH,
  parseType,
  partsOf,
  typeText,
  type Column,
  type ColumnType,
} from '../../kernel/index.js';
import {
  defaultRule,
  defineColumn,
  definePart,
  faultOfDefault,
  faultOfPartDefault,
} from './column-definition.js';
import {
  COLUMN_NAME_RULE,
  FIELD_NAME_RULE,
  faultOfColumnName,
  faultOfFieldName,
  foldedName,
  otherThan,
} from './column-names.js';
import {
  changedBelow,
  findColumn,
  findParent,
  parentOf,
  pathText,
  targetOf,
  type ColumnPath,
} from './column-path.js';
import { invalidDefinition, shownName, shownNameList, shownNames } from './definition-fault.js';
import { countFields, lastFieldId, withFieldIds } from './field-ids.js';
import { changePath, type TableChange } from './schema-change.js';
import { COLUMN_COUNT, COLUMN_COUNT_RULE, MAX_COLUMNS } from './table-definition.js';
import { schemaIncompatible } from './tables.errors.js';
import { isWider, widerTypes } from './widening.js';

/** What changes of a table change. */
export interface TableSchema {
  readonly tableName: string;
  readonly columns: readonly Column[];
  /** The highest field id that a column ever had. */
  readonly lastColumnId: number;
  /** Field ids of the primary key's columns. Absent: there is no key. */
  readonly primaryKeyIds?: readonly number[];
}

/** A schema between two changes. */
interface Draft extends TableSchema {
  /** The name of the table in the request, for refusals. */
  readonly knownAs: string;
}

/**
 * The schema after all changes, in order. Throws REQUEST_INVALID for what this table does not have or cannot take, and
 * SCHEMA_INCOMPATIBLE for what its stored rows do not allow, with the first change that is at fault.
 */
export function changedSchema(schema: TableSchema, changes: readonly TableChange[]): TableSchema {
  const { knownAs: _, ...changed } = changes.reduce<Draft>(
    (draft, change, index) => apply(draft, change, changePath(index)),
    { ...schema, knownAs: schema.tableName },
  );
  return changed;
}

function apply(draft: Draft, change: TableChange, path: string): Draft {
  switch (change.op) {
    case 'rename_table':
      return { ...draft, tableName: change.to };
    case 'add_column':
      return added(draft, change, path);
    case 'drop_column':
      return dropped(draft, named(draft, change.name, path), path);
    case 'rename_column':
      return renamed(draft, change, path);
    case 'change_type':
      return widened(draft, change, path);
    case 'set_nullable': {
      const column = named(draft, change.name, path);
      if (targetOf(column).nullable && !change.nullable) throw nullsStored(draft, column, path);
      if (change.nullable && isKey(draft, column)) throw keyNullable(draft, column, path);
      return replaced(draft, column, { nullable: change.nullable }, path);
    }
    case 'set_default':
      return withDefault(draft, change, path);
    case 'set_doc': {
      const column = named(draft, change.name, path);
      return replaced(draft, column, { doc: change.doc ?? undefined }, path);
    }
    case 'move_column':
      return moved(draft, change, path);
  }
}

function added(draft: Draft, change: TableChange & { op: 'add_column' }, path: string): Draft {
  const at = `${path}.column`;
  const { name } = change.column;
  refuseTaken(draft.columns, name, `${at}.name`, name);
  const parent = findParent(draft.columns, name);
  if (parent === undefined) return addedBelow(draft, [], defineColumn(change.column, at), at);
  const above = pathText(parent.path);
  if (targetOf(parent.path).type === 'list') {
    throw invalid(
      `${at}.name`,
      `"${above}" is a list; fields of its elements are "${above}.${LIST_ELEMENT}.…"`,
      name,
      [`${above}.${LIST_ELEMENT}.…`],
    );
  }
  const request = { ...change.column, name: unquoted(parent.rest) };
  refuseTaken(targetOf(parent.path).fields ?? [], request.name, `${at}.name`, name);
  return addedBelow(draft, parent.path, definePart(request, at), at);
}

function addedBelow(
  draft: Draft,
  parents: readonly Column[],
  { column: field, faults }: ReturnType<typeof defineColumn>,
  at: string,
): Draft {
  const [column] = withFieldIds(field === undefined ? [] : [field], draft.lastColumnId + 1);
  if (column === undefined) throw invalidDefinition(faults);
  const columns = changedBelow(draft.columns, parents, (siblings) => [...siblings, column]);
  const count = countFields(columns);
  const name = pathText([...parents, column] as unknown as ColumnPath);
  if (count > MAX_COLUMNS)
    throw invalid(at, `a table ${COLUMN_COUNT_RULE}; it would have ${count}`, name, [COLUMN_COUNT]);
  if (parents.length + depthOf(columnType(column)) > MAX_TYPE_DEPTH) {
    const rule = `lists and structs stand inside each other ${MAX_TYPE_DEPTH} deep at most`;
    throw invalid(`${at}.type`, rule, name);
  }
  if (!column.nullable) {
    throw schemaIncompatible(draft.knownAs, {
      path: `${at}.nullable`,
      column: name,
      rule: 'new_column_required',
      message: 'a new column must be nullable: rows from before read null, whatever its default',
      allowed: ['nullable: true'],
    });
  }
  return { ...draft, columns, lastColumnId: lastFieldId([column]) };
}

function dropped(draft: Draft, column: ColumnPath, path: string): Draft {
  const parent = parentOf(column);
  const shown = pathText(column);
  if (parent?.type === 'list')
    throw invalid(`${path}.name`, 'is the element of a list, which it cannot lack', shown);
  if ((parent?.fields ?? draft.columns).length === 1) {
    const rule =
      parent === undefined ? 'column; a table has at least one' : 'field; a struct has at least one';
    throw invalid(`${path}.name`, `is the last ${rule}`, shown, ['rename_column']);
  }
  if (isKey(draft, column)) throw keyDropped(draft, column, path);
  return changed(draft, column, (siblings) => siblings.filter((other) => other !== targetOf(column)), path);
}

function renamed(draft: Draft, change: TableChange & { op: 'rename_column' }, path: string): Draft {
  const column = named(draft, change.from, path, 'from');
  const parent = parentOf(column);
  if (parent?.type === 'list')
    throw invalid(`${path}.from`, 'is the element of a list, which has no other name', pathText(column));
  const fault = (parent === undefined ? faultOfColumnName : faultOfFieldName)(change.to);
  const rule = parent === undefined ? COLUMN_NAME_RULE : FIELD_NAME_RULE;
  if (fault !== undefined) throw invalid(`${path}.to`, fault, pathText(column), [rule]);
  const others = (parent?.fields ?? draft.columns).filter((other) => other !== targetOf(column));
  refuseTaken(others, change.to, `${path}.to`, pathText(column));
  return replaced(draft, column, { name: change.to }, path);
}

function widened(draft: Draft, change: TableChange & { op: 'change_type' }, path: string): Draft {
  const column = named(draft, change.name, path);
  const before = columnTypeText(targetOf(column));
  const type = typeText(parseType(change.type));
  if (type === before) return draft;
  if (!isWider(before, type)) {
    const wider = widerTypes(before);
    const parts = targetOf(column).fields;
    const allowed = wider.length > 0 ? wider : [parts === undefined ? before : partsOnly(column, parts)];
    const only =
      parts === undefined ? 'a column of this type keeps it' : 'its parts are changed by their paths';
    const may = wider.length === 0 ? only : `it may become ${wider.join(' or ')}`;
    throw schemaIncompatible(draft.knownAs, {
      path: `${path}.type`,
      column: pathText(column),
      rule: 'type_not_wider',
      message: `${before} cannot become ${type}; ${may}`,
      allowed,
    });
  }
  return replaced(draft, column, { type }, path);
}

function withDefault(draft: Draft, change: TableChange & { op: 'set_default' }, path: string): Draft {
  const column = named(draft, change.name, path);
  const parent = parentOf(column);
  const filling = change.default ?? undefined;
  const type = columnType(targetOf(column));
  const fault =
    parent === undefined ? faultOfDefault(type, filling) : faultOfPartDefault(type, filling, parent.type);
  if (fault !== undefined) throw invalid(`${path}.default`, fault, pathText(column), [defaultRule(type)]);
  return replaced(draft, column, { default: filling }, path);
}

function moved(draft: Draft, change: TableChange & { op: 'move_column' }, path: string): Draft {
  const column = named(draft, change.name, path);
  const shown = pathText(column);
  if (change.after === change.name) throw invalid(`${path}.after`, 'must be another column', shown);
  const after = change.after === null ? undefined : named(draft, change.after, path, 'after');
  if (after !== undefined && parentOf(after) !== parentOf(column)) {
    throw invalid(`${path}.after`, 'must stand beside it, in the table or in the same struct', shown);
  }
  const arranged = (siblings: readonly Column[]): Column[] => {
    const others = siblings.filter((other) => other !== targetOf(column));
    const place = after === undefined ? 0 : others.indexOf(targetOf(after)) + 1;
    return others.toSpliced(place, 0, targetOf(column));
  };
  return changed(draft, column, arranged, path);
}

type Members = { readonly [K in keyof Column]?: Column[K] | undefined };

/** Members that are undefined are taken away. */
function replaced(draft: Draft, column: ColumnPath, members: Members, path: string): Draft {
  const target = targetOf(column);
  const kept = Object.entries({ ...target, ...members }).filter(([, value]) => value !== undefined);
  const next = Object.fromEntries(kept) as unknown as Column;
  return changed(
    draft,
    column,
    (siblings) => siblings.map((other) => (other === target ? next : other)),
    path,
  );
}

/** Changes the siblings of the column. The default of a whole column must still fit when a part of it changes. */
function changed(
  draft: Draft,
  column: ColumnPath,
  change: (siblings: readonly Column[]) => readonly Column[],
  path: string,
): Draft {
  const columns = changedBelow(draft.columns, column.slice(0, -1), change);
  const [{ id, name, default: filling }] = column;
  const whole = columns.find((each) => each.id === id);
  const fault =
    column.length === 1 || whole === undefined ? undefined : faultOfDefault(columnType(whole), filling);
  if (fault !== undefined) {
    const message = `the default of "${name}" would not fit any more; change it first`;
    throw invalid(path, message, pathText(column), [`set_default of "${name}" before`]);
  }
  return { ...draft, columns };
}

/** The column of this name, or the part at this path. Names are exact, as they are in events. */
function named(draft: Draft, name: string, path: string, field = 'name'): ColumnPath {
  const found = findColumn(draft.columns, name);
  if (found !== undefined) return found;
  const parent = findParent(draft.columns, name);
  const siblings = parent === undefined ? draft.columns : (targetOf(parent.path).fields ?? []);
  const rest = parent === undefined ? name : unquoted(parent.rest);
  const what =
    parent === undefined
      ? `column "${shownName(name)}"`
      : `"${shownName(rest)}" in "${pathText(parent.path)}"`;
  const alike = siblings.find((column) => foldedName(column.name) === foldedName(rest));
  const holder = parent === undefined ? 'the table' : 'it';
  const hint =
    alike === undefined ? `${holder} has ${shownNameList(siblings)}` : `did you mean "${alike.name}"?`;
  const allowed = alike === undefined ? shownNames(siblings) : [alike.name];
  throw invalid(`${path}.${field}`, `there is no ${what}; ${hint}`, name, allowed);
}

/** DuckDB takes names that differ in case alone for one. `column` is what the change is about. */
function refuseTaken(siblings: readonly Column[], name: string, path: string, column: string): void {
  const taken = siblings.find((other) => foldedName(other.name) === foldedName(name));
  if (taken === undefined) return;
  const message = `there is a column "${taken.name}"; names must differ in more than case`;
  throw invalid(path, message, column, [otherThan(taken.name)]);
}

/** A name from the end of a path, which may be in double quotes. */
function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    const name: unknown = JSON.parse(text);
    return typeof name === 'string' ? name : text;
  } catch {
    return text;
  }
}

/** Lists and structs inside each other. */
const depthOf = (type: ColumnType): number => {
  const parts = partsOf(type);
  return parts.length === 0 ? 0 : 1 + Math.max(...parts.map((part) => depthOf(part.type)));
};

const nullsStored = (draft: Draft, column: ColumnPath, path: string) =>
  schemaIncompatible(draft.knownAs, {
    path: `${path}.nullable`,
    column: pathText(column),
    rule: 'nulls_may_be_stored',
    message: 'a nullable column stays nullable: rows from before may hold null',
    allowed: ['nullable: true'],
  });

const isKey = (draft: Draft, column: ColumnPath): boolean =>
  draft.primaryKeyIds?.includes(targetOf(column).id) ?? false;

const keyDropped = (draft: Draft, column: ColumnPath, path: string) =>
  schemaIncompatible(draft.knownAs, {
    path: `${path}.name`,
    column: pathText(column),
    rule: 'key_column_dropped',
    message: 'it is in the primary key, which is fixed for the life of a table',
    allowed: ['rename_column', 'move_column', 'change_type to a wider one'],
  });

const keyNullable = (draft: Draft, column: ColumnPath, path: string) =>
  schemaIncompatible(draft.knownAs, {
    path: `${path}.nullable`,
    column: pathText(column),
    rule: 'key_column_nullable',
    message: 'it is in the primary key: a key has no null',
    allowed: ['nullable: false'],
  });

/** Of a list or struct, whose type is not changed as a whole. */
const partsOnly = (column: ColumnPath, parts: readonly Column[]): string =>
  `changes of its parts: ${shownNameList(parts.map((part) => ({ name: pathText([...column, part]) })))}`;

const invalid = (path: string, message: string, column: string, allowed?: readonly string[]) =>
  invalidDefinition([{ path, message, column, ...(allowed !== undefined && { allowed }) }]);
