import type { Change, ColumnSpec, Path } from './calls.js';
import type { Column } from './reference-values.js';
import type { ChangeStep, ColumnStep } from './steps.js';
import { isOrBecomes, valueOf, TYPES, widerThan } from './values.js';

/** Among them what SQL must quote, and two that differ by case alone. */
export const COLUMN_NAMES = ['x', 'y', 'z', 'Größe', 'select', 'two words', 'X', 'e"q'];
const PART_NAMES = ['n', 's', 'N', 'a b', 'more', 'element', 'e"q'];
/** Of a step's numbers the one that asks for what must be refused. */
export const MISSING = 7;

export const pick = <T>(list: readonly T[], at: number): T => {
  const found = list[at % list.length];
  if (found === undefined) throw new Error('there is nothing to pick from');
  return found;
};

type ColumnChangeStep = Exclude<ChangeStep, { op: 'rename_table' }>;

/** None where there is nothing to change. */
export function columnChanges(
  step: ColumnChangeStep,
  columns: readonly Column[],
  key: readonly number[],
): Change[] {
  if (step.op === 'add') return [addition(step, columns)];
  if (step.op === 'replace') return replacement(step, columns, key);
  return columns.length === 0 ? [] : [changeOf(step, columns)];
}

export function columnOf(
  { name, type: typeAt, required, filling }: ColumnStep,
  names = COLUMN_NAMES,
): ColumnSpec {
  const type = pick(TYPES, typeAt);
  return {
    name: pick(names, name),
    ...type,
    nullable: !required,
    filling: filling === undefined ? undefined : valueOf(type, filling),
  };
}

/** Only now and then one that must be refused. */
function addition(
  { column: step, under: at }: ChangeStep & { op: 'add' },
  columns: readonly Column[],
): Change {
  const nested = at === undefined ? [] : placesIn(columns).filter(({ column }) => column.type === 'struct');
  const column = columnOf(step, nested.length === 0 ? COLUMN_NAMES : PART_NAMES);
  return {
    op: 'add_column',
    under: nested.length === 0 ? [] : pick(nested, at ?? 0).path,
    column: { ...column, nullable: column.nullable || step.name < MISSING },
  };
}

/** The youngest column goes, and one of its type or with its name comes. */
function replacement(
  { column: step, alike }: ChangeStep & { op: 'replace' },
  columns: readonly Column[],
  key: readonly number[],
): Change[] {
  const youngest = columns.findLast(
    ({ id }) => !key.includes(id) && columns.every((other) => other.id <= id),
  );
  if (youngest === undefined || columns.length === 1) return [];
  const { name } = youngest;
  const added = alike
    ? { ...youngest, name: columnOf(step).name, filling: undefined }
    : { ...columnOf(step), name };
  return [
    { op: 'drop_column', path: [name] },
    { op: 'add_column', under: [], column: { ...added, nullable: true } },
  ];
}

function changeOf(
  step: Exclude<ColumnChangeStep, { op: 'add' | 'replace' }>,
  columns: readonly Column[],
): Change {
  const top = pick(columns, step.at);
  const parts = step.part === undefined ? [] : placesIn(top.parts ?? [], [top.name]);
  const { path, column, siblings }: Place =
    parts.length === 0 ? { path: [top.name], column: top, siblings: columns } : pick(parts, step.part ?? 0);
  const { type } = column;
  switch (step.op) {
    case 'drop':
      return { op: 'drop_column', path };
    case 'rename':
      return {
        op: 'rename_column',
        path,
        to: pick(path.length === 1 ? COLUMN_NAMES : PART_NAMES, step.name),
      };
    case 'widen':
      return {
        op: 'change_type',
        path,
        type: pick([...widerThan(type), ...otherTypes(type)], step.to % 3),
      };
    case 'nullable':
      return { op: 'set_nullable', path, nullable: step.nullable };
    case 'default': {
      const filling = step.filling === null ? undefined : valueOf(column, step.filling);
      return { op: 'set_default', path, filling };
    }
    case 'move': {
      const others = siblings.filter((other) => other !== column);
      const after = step.after === null || others.length === 0 ? null : pick(others, step.after).name;
      return { op: 'move_column', path, after };
    }
  }
}

/** A column or a part of one. */
interface Place {
  readonly path: Path;
  readonly column: Column;
  readonly siblings: readonly Column[];
}

/** All of the siblings, and all of their parts. */
const placesIn = (siblings: readonly Column[], above: readonly string[] = []): Place[] =>
  siblings.flatMap((column) => {
    const [top = column.name, ...below] = [...above, column.name];
    const path: Path = [top, ...below];
    return [{ path, column, siblings }, ...placesIn(column.parts ?? [], path)];
  });

/** Some that a column of the type may not become. */
const otherTypes = (type: string): string[] => ['int', 'string'].filter((other) => !isOrBecomes(type, other));
