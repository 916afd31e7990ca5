import type { Alter, Change, ColumnSpec, Mode, RecordSpec } from './calls.js';
import { changedLayout, lacksSource, type Layout } from './reference-layout.js';
import { isRefusal, refused, type Refusal } from './refusal.js';
import { isOrBecomes, type Sample } from './values.js';

/** `id` is the column's for ever, and of no other. */
export interface Column extends ColumnSpec {
  readonly id: number;
}

/** A value with the type of its column when it was accepted. */
export interface AcceptedField {
  readonly type: string;
  readonly value: Sample;
}

/** What changes of a table change. */
export interface Definition {
  readonly name: string;
  readonly columns: readonly Column[];
  /** Ids of the primary key's columns; none where the table has no key. */
  readonly key: readonly number[];
  readonly mode: Mode;
  readonly layout: Layout;
}

/** The table after all that is asked for. */
export function changed(
  before: Definition,
  { changes, mode = before.mode, layout: asked }: Alter,
  newId: () => number,
): Definition | Refusal {
  const { key } = before;
  let { name, columns } = before;
  for (const change of changes) {
    if (change.op === 'rename_table') {
      name = change.to;
      continue;
    }
    const next = changedColumns(columns, key, change, newId);
    if (isRefusal(next)) return next;
    columns = next;
  }
  const broken = before.columns.some((column) =>
    breaks(
      column,
      columns.find(({ id }) => id === column.id),
      mode,
    ),
  );
  if (broken) return refused('SCHEMA_INCOMPATIBLE');
  const layout = changedLayout(before.layout, columns, asked);
  if (isRefusal(layout)) return layout;
  return lacksSource(layout, columns) ? refused('SCHEMA_INCOMPATIBLE') : { name, columns, key, mode, layout };
}

/** The columns after one change. */
export function changedColumns(
  columns: readonly Column[],
  key: readonly number[],
  change: Exclude<Change, { op: 'rename_table' }>,
  newId: () => number,
): readonly Column[] | Refusal {
  const named = (name: string) => columns.find((column) => column.name === name);
  const isTaken = (name: string, self?: Column) =>
    columns.some((column) => column !== self && column.name.toLowerCase() === name.toLowerCase());
  if (change.op === 'add_column') {
    if (isTaken(change.column.name)) return refused('REQUEST_INVALID');
    if (!change.column.nullable) return refused('SCHEMA_INCOMPATIBLE');
    return [...columns, { ...change.column, id: newId() }];
  }
  const column = named(change.op === 'rename_column' ? change.from : change.name);
  if (column === undefined) return refused('REQUEST_INVALID');
  const become = (more: Partial<Column>) =>
    columns.map((other) => (other === column ? { ...column, ...more } : other));
  switch (change.op) {
    case 'drop_column':
      if (columns.length === 1) return refused('REQUEST_INVALID');
      return key.includes(column.id)
        ? refused('SCHEMA_INCOMPATIBLE')
        : columns.filter((other) => other !== column);
    case 'rename_column':
      return isTaken(change.to, column) ? refused('REQUEST_INVALID') : become({ name: change.to });
    case 'change_type':
      return isOrBecomes(column.type, change.type)
        ? become({ type: change.type })
        : refused('SCHEMA_INCOMPATIBLE');
    case 'set_nullable':
      return (column.nullable && !change.nullable) || (change.nullable && key.includes(column.id))
        ? refused('SCHEMA_INCOMPATIBLE')
        : become({ nullable: change.nullable });
    case 'set_default':
      return become({ filling: change.filling });
    case 'move_column': {
      const others = columns.filter((other) => other !== column);
      if (change.after === null) return [column, ...others];
      const place = others.findIndex(({ name }) => name === change.after) + 1;
      return place === 0 ? refused('REQUEST_INVALID') : others.toSpliced(place, 0, column);
    }
  }
}

/** Whether the mode forbids what has become of the column: writers are owed by `backward`, readers by `forward`. */
function breaks(before: Column, after: Column | undefined, mode: Mode): boolean {
  if (mode === 'none') return false;
  if (after === undefined || after.name !== before.name) return true;
  const writers = !after.nullable && before.filling !== undefined && after.filling === undefined;
  const readers = after.type !== before.type || (after.nullable && !before.nullable);
  return (mode !== 'forward' && writers) || (mode !== 'backward' && readers);
}

/** Why the table does not take the record; undefined where it does. A delete names its key, without any default. */
export function misfitOf(
  { columns, key }: Definition,
  { op, fields, misfit }: RecordSpec,
): Refusal | undefined {
  if (op !== 'insert' && key.length === 0) return refused('PRIMARY_KEY_REQUIRED');
  const names = new Set(columns.map(({ name }) => name));
  const fits =
    misfit === undefined &&
    Object.keys(fields).every((name) => names.has(name)) &&
    columns.every(({ id, name, nullable, filling }) => {
      if (op === 'delete' ? !key.includes(id) : nullable) return true;
      const value = fields[name];
      return value === undefined ? op !== 'delete' && filling !== undefined : value !== null;
    });
  return fits ? undefined : refused('SCHEMA_VIOLATION');
}

/** The values of a record that fits, defaults included, by column id with the type that they were accepted as. */
export function acceptedFields(
  columns: readonly Column[],
  { fields }: RecordSpec,
): ReadonlyMap<number, AcceptedField> {
  return new Map(
    columns.flatMap(({ id, name, type, filling }) => {
      const value = name in fields ? fields[name] : filling;
      return value === undefined || value === null ? [] : [[id, { type, value }] as const];
    }),
  );
}
