import type { Alter, Change, Evolution, Mode, Path, RecordSpec } from './calls.js';
import { known, learnt } from './reference-learning.js';
import { changedLayout, changesSource, lacksSource, type Layout } from './reference-layout.js';
import { isRefusal, refused, type Refusal } from './refusal.js';
import { fits, stored, withIds, type Column, type Stored } from './reference-values.js';
import { isOrBecomes } from './values.js';

/** What changes of a table change. */
export interface Definition {
  readonly name: string;
  readonly columns: readonly Column[];
  /** Ids of the primary key's columns; none where the table has no key. */
  readonly key: readonly number[];
  readonly mode: Mode;
  readonly evolution: Evolution;
  readonly layout: Layout;
}

/** The table after all that is asked for. */
export function changed(
  before: Definition,
  { changes, mode = before.mode, evolution = before.evolution, layout: asked }: Alter,
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
  if (breakAny(before.columns, columns, mode)) return refused('SCHEMA_INCOMPATIBLE');
  const layout = changedLayout(before.layout, columns, asked);
  if (isRefusal(layout)) return layout;
  if (lacksSource(layout, columns)) return refused('SCHEMA_INCOMPATIBLE');
  return { name, columns, key, mode, evolution, layout };
}

/** The table after what it learns of records that the ledger does not know. */
export function grown<T extends Definition>(
  table: T,
  records: readonly RecordSpec[],
  newId: () => number,
): T | Refusal {
  const evolves = table.evolution === 'evolve';
  const payloads = records.map(({ payload }) => payload);
  const columns = learnt(table.columns, payloads, { evolves, newId });
  if (isRefusal(columns)) return columns;
  const next = { ...table, columns };
  const misfits = records.flatMap((record) => misfitOf(next, record) ?? []);
  const [misfit] = misfits;
  if (misfit !== undefined) return misfit;
  const isHeld =
    breakAny(table.columns, columns, table.mode) || changesSource(table.layout, table.columns, columns);
  return isHeld ? refused('SCHEMA_INCOMPATIBLE') : next;
}

/** The columns after one change. */
export function changedColumns(
  columns: readonly Column[],
  key: readonly number[],
  change: ColumnChange,
  newId: () => number,
): readonly Column[] | Refusal {
  if (change.op === 'add_column') return added(columns, change, newId);
  const next = changedAt(columns, change.path, undefined, (column, siblings, parent) =>
    changedSiblings(column, siblings, parent, key, change),
  );
  if (isRefusal(next) || change.path.length === 1) return next;
  // The default of a whole column must go on to fit.
  const [name] = change.path;
  const whole = next.find((column) => column.name === name);
  const stillFits = whole?.filling === undefined || fits(whole, whole.filling);
  return stillFits ? next : refused('REQUEST_INVALID');
}

type ColumnChange = Exclude<Change, { op: 'rename_table' }>;
type ChangeOf<O extends Change['op']> = Extract<Change, { op: O }>;

function added(
  columns: readonly Column[],
  { under: [name, ...below], column }: ChangeOf<'add_column'>,
  newId: () => number,
): readonly Column[] | Refusal {
  const addedTo = (siblings: readonly Column[]) => {
    if (isTaken(siblings, column.name)) return refused('REQUEST_INVALID');
    return column.nullable ? [...siblings, withIds(column, newId)] : refused('SCHEMA_INCOMPATIBLE');
  };
  if (name === undefined) return addedTo(columns);
  return changedAt(columns, [name, ...below], undefined, (parent, siblings) => {
    if (parent.type !== 'struct' || (column.parts && column.filling)) return refused('REQUEST_INVALID');
    const parts = addedTo(parent.parts ?? []);
    return isRefusal(parts)
      ? parts
      : siblings.map((other) => (other === parent ? { ...parent, parts } : other));
  });
}

/** The columns with those changed that stand where the path leads. */
function changedAt(
  siblings: readonly Column[],
  [name, next, ...below]: Path,
  parent: Column | undefined,
  change: (column: Column, siblings: readonly Column[], parent?: Column) => readonly Column[] | Refusal,
): readonly Column[] | Refusal {
  const column = siblings.find((other) => other.name === name);
  if (column === undefined) return refused('REQUEST_INVALID');
  if (next === undefined) return change(column, siblings, parent);
  const parts = changedAt(column.parts ?? [], [next, ...below], column, change);
  return isRefusal(parts)
    ? parts
    : siblings.map((other) => (other === column ? { ...column, parts } : other));
}

const isTaken = (siblings: readonly Column[], name: string, self?: Column): boolean =>
  siblings.some((column) => column !== self && column.name.toLowerCase() === name.toLowerCase());

/** What stands beside the column, and itself, after the change. `parent`: what it is a part of. */
function changedSiblings(
  column: Column,
  siblings: readonly Column[],
  parent: Column | undefined,
  key: readonly number[],
  change: Exclude<ColumnChange, { op: 'add_column' }>,
): readonly Column[] | Refusal {
  const become = (more: Partial<Column>) =>
    siblings.map((other) => (other === column ? { ...column, ...more } : other));
  // It cannot lack, has no other name and no default.
  const isElement = parent?.type === 'list';
  switch (change.op) {
    case 'drop_column':
      if (isElement || siblings.length === 1) return refused('REQUEST_INVALID');
      return key.includes(column.id)
        ? refused('SCHEMA_INCOMPATIBLE')
        : siblings.filter((other) => other !== column);
    case 'rename_column':
      return isElement || isTaken(siblings, change.to, column)
        ? refused('REQUEST_INVALID')
        : become({ name: change.to });
    case 'change_type':
      return isOrBecomes(column.type, change.type)
        ? become({ type: change.type })
        : refused('SCHEMA_INCOMPATIBLE');
    case 'set_nullable':
      return (column.nullable && !change.nullable) || (change.nullable && key.includes(column.id))
        ? refused('SCHEMA_INCOMPATIBLE')
        : become({ nullable: change.nullable });
    case 'set_default': {
      const mayHave = parent === undefined || (!isElement && column.parts === undefined);
      return change.filling === undefined || mayHave
        ? become({ filling: change.filling })
        : refused('REQUEST_INVALID');
    }
    case 'move_column': {
      const others = siblings.filter((other) => other !== column);
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
  if ((mode !== 'forward' && writers) || (mode !== 'backward' && readers)) return true;
  // What was a struct and is json takes what it took.
  return after.type === before.type && breakAny(before.parts ?? [], after.parts ?? [], mode);
}

const breakAny = (before: readonly Column[], after: readonly Column[], mode: Mode): boolean =>
  before.some((column) =>
    breaks(
      column,
      after.find(({ id }) => id === column.id),
      mode,
    ),
  );

/** Why the table does not take the record; undefined where it does. A delete names its key, without any default. */
export function misfitOf(
  { columns, key, evolution }: Definition,
  { op, payload: given }: RecordSpec,
): Refusal | undefined {
  if (op !== 'insert' && key.length === 0) return refused('PRIMARY_KEY_REQUIRED');
  const payload = evolution === 'evolve' ? known(columns, given) : given;
  const names = new Set(columns.map(({ name }) => name));
  const isFit =
    Object.keys(payload).every((name) => names.has(name)) &&
    columns.every((column) => {
      const value = payload[column.name];
      if (op !== 'delete') return fits(column, value);
      return key.includes(column.id)
        ? value !== undefined && fits(column, value)
        : fits({ ...column, nullable: true }, value);
    });
  return isFit ? undefined : refused('SCHEMA_VIOLATION');
}

/** The values of a record that fits, defaults included, by column id. */
export function acceptedFields(
  columns: readonly Column[],
  { payload }: RecordSpec,
): ReadonlyMap<number, Stored | null> {
  return new Map(columns.map((column) => [column.id, stored(column, payload[column.name])]));
}
