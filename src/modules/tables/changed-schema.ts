import { columnType, columnTypeText, parseType, typeText, type Column } from '../../kernel/index.js';
import { defineColumn, faultOfDefault } from './column-definition.js';
import { countFields, lastFieldId, withFieldIds } from './field-ids.js';
import { changePath, invalidChanges, type TableChange } from './schema-change.js';
import { COLUMN_COUNT_RULE, MAX_COLUMNS } from './table-definition.js';
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

const SHOWN_COLUMNS = 20;

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
  const { columns } = draft;
  switch (change.op) {
    case 'rename_table':
      return { ...draft, tableName: change.to };
    case 'add_column':
      return added(draft, change, path);
    case 'drop_column': {
      const column = named(draft, change.name, path);
      if (columns.length === 1) throw invalid(`${path}.name`, 'is the last column; a table has at least one');
      if (isKey(draft, column)) throw keyDropped(draft, column, path);
      return { ...draft, columns: columns.filter((other) => other !== column) };
    }
    case 'rename_column': {
      const column = named(draft, change.from, path, 'from');
      refuseTaken(draft, change.to, `${path}.to`, column);
      return replaced(draft, column, { ...column, name: change.to });
    }
    case 'change_type':
      return widened(draft, change, path);
    case 'set_nullable': {
      const column = named(draft, change.name, path);
      if (column.nullable && !change.nullable) throw nullsStored(draft, column, path);
      if (change.nullable && isKey(draft, column)) throw keyNullable(draft, column, path);
      return replaced(draft, column, { ...column, nullable: change.nullable });
    }
    case 'set_default': {
      const column = named(draft, change.name, path);
      const { default: _, ...without } = column;
      const next = change.default === null ? without : { ...without, default: change.default };
      const fault = faultOfDefault(columnType(column), change.default);
      if (fault !== undefined) throw invalid(`${path}.default`, fault);
      return replaced(draft, column, next);
    }
    case 'set_doc': {
      const column = named(draft, change.name, path);
      const { doc: _, ...without } = column;
      return replaced(draft, column, change.doc === null ? without : { ...without, doc: change.doc });
    }
    case 'move_column':
      return moved(draft, change, path);
  }
}

function added(draft: Draft, change: TableChange & { op: 'add_column' }, path: string): Draft {
  const at = `${path}.column`;
  refuseNested(draft, change.column.name, `${at}.name`);
  refuseTaken(draft, change.column.name, `${at}.name`);
  const { column: field, faults } = defineColumn(change.column, at);
  const [column] = withFieldIds(field === undefined ? [] : [field], draft.lastColumnId + 1);
  if (column === undefined) throw invalidChanges(faults);
  const columns = [...draft.columns, column];
  const count = countFields(columns);
  if (count > MAX_COLUMNS) throw invalid(at, `a table ${COLUMN_COUNT_RULE}; it would have ${count}`);
  if (!column.nullable) {
    throw schemaIncompatible(draft.knownAs, {
      path: `${at}.nullable`,
      column: column.name,
      rule: 'new_column_required',
      message: 'a new column must be nullable: rows from before read null, whatever its default',
      allowed: ['nullable: true'],
    });
  }
  return { ...draft, columns, lastColumnId: lastFieldId([column]) };
}

function widened(draft: Draft, change: TableChange & { op: 'change_type' }, path: string): Draft {
  const column = named(draft, change.name, path);
  const before = columnTypeText(column);
  const type = typeText(parseType(change.type));
  if (type === before) return draft;
  if (!isWider(before, type)) {
    const allowed = widerTypes(before);
    const may =
      allowed.length === 0 ? 'a column of this type keeps it' : `it may become ${allowed.join(' or ')}`;
    throw schemaIncompatible(draft.knownAs, {
      path: `${path}.type`,
      column: column.name,
      rule: 'type_not_wider',
      message: `${before} cannot become ${type}; ${may}`,
      allowed,
    });
  }
  return replaced(draft, column, { ...column, type });
}

function moved(draft: Draft, change: TableChange & { op: 'move_column' }, path: string): Draft {
  const column = named(draft, change.name, path);
  if (change.after === change.name) throw invalid(`${path}.after`, 'must be another column');
  const others = draft.columns.filter((other) => other !== column);
  const place = change.after === null ? 0 : others.indexOf(named(draft, change.after, path, 'after')) + 1;
  return { ...draft, columns: others.toSpliced(place, 0, column) };
}

function replaced(draft: Draft, column: Column, next: Column): Draft {
  return { ...draft, columns: draft.columns.map((other) => (other === column ? next : other)) };
}

/** The column of this name. Names are exact, as they are in events. */
function named(draft: Draft, name: string, path: string, field = 'name'): Column {
  const { columns } = draft;
  const found = columns.find((column) => column.name === name);
  if (found !== undefined) return found;
  refuseNested(draft, name, `${path}.${field}`);
  const alike = columns.find((column) => folded(column.name) === folded(name));
  const shown = columns.slice(0, SHOWN_COLUMNS).map((column) => column.name);
  const more = columns.length > shown.length ? `, and ${columns.length - shown.length} more` : '';
  const hint =
    alike === undefined ? `the table has ${shown.join(', ')}${more}` : `did you mean "${alike.name}"?`;
  throw invalid(`${path}.${field}`, `there is no column "${name.slice(0, 128)}"; ${hint}`);
}

/** DuckDB takes names that differ in case alone for one. */
function refuseTaken(draft: Draft, name: string, path: string, self?: Column): void {
  const taken = draft.columns.find((column) => column !== self && folded(column.name) === folded(name));
  if (taken === undefined) return;
  throw invalid(path, `there is a column "${taken.name}"; names must differ in more than case`);
}

/** A path such as `address.city` below a column that has parts. A plain name may have dots of its own. */
function refuseNested(draft: Draft, name: string, path: string): void {
  const parent = draft.columns.find((column) => name.startsWith(`${column.name}.`));
  if (parent === undefined || !/^(struct|list|map)\b/.test(parent.type)) return;
  throw invalid(
    path,
    `"${name.slice(0, 128)}" is a part of column "${parent.name}"; changes of nested columns are not supported yet`,
  );
}

const nullsStored = (draft: Draft, column: Column, path: string) =>
  schemaIncompatible(draft.knownAs, {
    path: `${path}.nullable`,
    column: column.name,
    rule: 'nulls_may_be_stored',
    message: 'a nullable column stays nullable: rows from before may hold null',
    allowed: ['nullable: true'],
  });

const isKey = (draft: Draft, column: Column): boolean => draft.primaryKeyIds?.includes(column.id) ?? false;

const keyDropped = (draft: Draft, column: Column, path: string) =>
  schemaIncompatible(draft.knownAs, {
    path: `${path}.name`,
    column: column.name,
    rule: 'key_column_dropped',
    message: 'it is in the primary key, which is fixed for the life of a table',
    allowed: ['rename_column', 'move_column', 'change_type to a wider one'],
  });

const keyNullable = (draft: Draft, column: Column, path: string) =>
  schemaIncompatible(draft.knownAs, {
    path: `${path}.nullable`,
    column: column.name,
    rule: 'key_column_nullable',
    message: 'it is in the primary key: a key has no null',
    allowed: ['nullable: false'],
  });

const folded = (name: string): string => name.normalize('NFC').toLowerCase();

const invalid = (path: string, message: string) => invalidChanges([{ path, message }]);
