import type { Alter, Call, Change, ColumnSpec, LayoutSpec, RecordSpec, Write } from './calls.js';
import type { Reference, Table } from './reference.js';
import { isSorted, OWN_SOURCES, transformsOf } from './reference-layout.js';
import { changedColumns, type Column } from './reference-schema.js';
import { isRefusal } from './refusal.js';
import {
  TABLE_NAMES,
  type ChangeStep,
  type ColumnStep,
  type LayoutStep,
  type Odd,
  type RowStep,
  type Step,
  type StepOf,
} from './steps.js';
import { isKeyType, isOrBecomes, MISFIT, samplesOf, TYPES, widerThan, type Sample } from './values.js';

/** Among them what SQL must quote, and two that differ by case alone. */
const COLUMN_NAMES = ['x', 'y', 'z', 'Größe', 'select', 'two words', 'X', 'e"q'];
const KEY_VALUES = 3;
const MISSING = 7;
const TIMES = samplesOf('timestamptz').filter(({ sent }) => typeof sent === 'string');

const BURST = 66;

function timeOf(hour: number): Sample {
  const [text = ''] = new Date(Date.UTC(2026, 1, 1, hour)).toISOString().split('.');
  return { type: 'timestamptz', sent: `${text}Z`, shown: `${text}.000000Z` };
}

const pick = <T>(list: readonly T[], at: number): T => {
  const found = list[at % list.length];
  if (found === undefined) throw new Error('there is nothing to pick from');
  return found;
};
const sampleOf = (type: string, at: number): Sample => pick(samplesOf(type), at);

/** Types with a value for each number. */
const isCounted = (type: string): boolean => ['int', 'long', 'string'].includes(type);

function countedValue(type: string, number: number): Sample {
  const value = type === 'string' ? `k${number}` : number;
  return { type, sent: value, shown: value };
}

/** Turns the steps of one program into calls, by what its reference has come to. */
export class Resolver {
  private keys = 0;

  /** `prefix` begins the names and keys of this program, and of no other. */
  constructor(
    private readonly reference: Reference,
    private readonly prefix: string,
  ) {}

  /** Undefined where the step has nothing to act on. */
  callOf(step: Exclude<Step, { do: 'look' }>): Call | undefined {
    switch (step.do) {
      case 'create':
        return create(this.nameOf(step.name), step);
      case 'alter':
        return this.alter(step);
      case 'drop':
        return { call: 'drop', table: this.tableName(step.table) };
      case 'undrop': {
        const { dropped } = this.reference;
        const table = dropped.at(-1 - step.name)?.name ?? this.nameOf(step.name);
        return { call: 'undrop', table, as: step.as === undefined ? undefined : this.nameOf(step.as) };
      }
      case 'write':
        return this.write(step);
      case 'repeat':
        return this.repeat(step);
    }
  }

  /** The name of a live table, or one that no live table has. */
  tableName(at: number): string {
    return this.table(at)?.name ?? this.nameOf(at);
  }

  private table(at: number): Table | undefined {
    const { live } = this.reference;
    return live.length === 0 ? undefined : pick(live, at);
  }

  private nameOf(at: number): string {
    return `${this.prefix}${pick(TABLE_NAMES, at)}`;
  }

  private alter({ table: at, changes, mode, layout, version }: StepOf<'alter'>): Alter {
    const table = this.table(at);
    const ifVersion =
      table && version && (version === 'current' ? table.version : table.version + 1 - 2 * (at % 2));
    const key = table?.key ?? [];
    let columns = table?.columns ?? [];
    const named: Change[] = [];
    for (const step of changes) {
      for (const change of this.changesOf(step, columns, key)) {
        named.push(change);
        if (change.op === 'rename_table') continue;
        // The next change must find its columns by name. Of ids only their order matters here.
        const next = changedColumns(columns, key, change, () => Infinity);
        if (!isRefusal(next)) columns = next;
      }
    }
    return {
      call: 'alter',
      table: this.tableName(at),
      changes: named,
      mode,
      layout: layoutOf(layout, columns),
      ifVersion,
    };
  }

  private changesOf(step: ChangeStep, columns: readonly Column[], key: readonly number[]): Change[] {
    if (step.op === 'rename_table') return [{ op: 'rename_table', to: this.nameOf(step.name) }];
    if (step.op === 'add') {
      const column = columnOf(step.column);
      // Only now and then one that must be refused.
      return [
        { op: 'add_column', column: { ...column, nullable: column.nullable || step.column.name < MISSING } },
      ];
    }
    if (step.op === 'replace') return replacement(step, columns, key);
    const change = changeOf(step, columns);
    return change === undefined ? [] : [change];
  }

  private write({ table: at, rows, burst: isBurst, requestKey, wait, odd }: StepOf<'write'>): Write {
    const table = this.table(at);
    const columns = table?.columns ?? [];
    const records = isBurst
      ? this.burst(rows, table)
      : rows.map((row) => this.recordOf(row, table, requestKey && row.covered));
    const [first] = records;
    if (first !== undefined && odd !== undefined) {
      if (odd === 'twice') records.push(first);
      else records[0] = spoilt(first, columns, odd);
    }
    return { call: 'write', table: this.tableName(at), records, requestKey: this.requestKey(records), wait };
  }

  private repeat({ write: at, more, altered }: StepOf<'repeat'>): Write | undefined {
    const { live, writes } = this.reference;
    const kept = writes.filter(({ table }) => live.some(({ id }) => id === table));
    if (kept.length === 0) return undefined;
    const { table: id, write } = pick(kept, at);
    const table = live.find((one) => one.id === id);
    if (table === undefined) return undefined;
    const again = write.records.map((record, position) =>
      altered === true && position === 0 ? { ...record, time: otherTime(record.time) } : record,
    );
    const added = more.map((row) => this.recordOf(row, table, false));
    return { ...write, table: table.name, records: [...again, ...added], wait: true };
  }

  /** More partitions by the hour than a commit makes files. Of a keyed table few of its rows have a key in common. */
  private burst(rows: readonly RowStep[], table: Table | undefined): RecordSpec[] {
    const { columns = [], key = [] } = table ?? {};
    return Array.from({ length: BURST }, (_, hour) => {
      const row = pick(rows, hour);
      const values = row.values.map((at) => (at === null ? null : at + hour));
      const record = this.recordOf({ ...row, values }, table, false);
      const keys = columns.flatMap(({ id, name, type }): [string, Sample][] =>
        key.includes(id) && isCounted(type) ? [[name, countedValue(type, hour)]] : [],
      );
      return { ...record, fields: { ...record.fields, ...Object.fromEntries(keys) }, time: timeOf(hour) };
    });
  }

  private recordOf(row: RowStep, table: Table | undefined, covered: boolean): RecordSpec {
    const { columns = [], key = [] } = table ?? {};
    const op = key.length === 0 ? 'insert' : row.op;
    const fields = columns.flatMap(
      ({ id, name, type, nullable, filling }, index): [string, Sample | null][] => {
        const at = row.values[index];
        // Few, so that keys meet.
        if (key.includes(id)) return [[name, sampleOf(type, (at ?? 0) % KEY_VALUES)]];
        if (at === undefined && (nullable || filling !== undefined || op === 'delete')) return [];
        if (at === null && nullable) return [[name, null]];
        return [[name, sampleOf(type, at ?? 0)]];
      },
    );
    return {
      key: covered ? undefined : `${this.prefix}${(this.keys += 1)}`,
      op,
      time: row.time === undefined ? undefined : pick(TIMES, row.time),
      fields: Object.fromEntries(fields),
    };
  }

  private requestKey(records: readonly RecordSpec[]): string | undefined {
    if (records.every(({ key }) => key !== undefined)) return undefined;
    return `${this.prefix}r${(this.keys += 1)}`;
  }
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
  const { name, type } = youngest;
  const column = { ...columnOf(step), nullable: true, ...(alike ? { type, filling: undefined } : { name }) };
  return [
    { op: 'drop_column', name },
    { op: 'add_column', column },
  ];
}

function changeOf(
  step: Exclude<ChangeStep, { op: 'add' | 'replace' | 'rename_table' }>,
  columns: readonly Column[],
): Change | undefined {
  if (columns.length === 0) return undefined;
  const { name, type } = pick(columns, step.at);
  switch (step.op) {
    case 'drop':
      return { op: 'drop_column', name };
    case 'rename':
      return { op: 'rename_column', from: name, to: pick(COLUMN_NAMES, step.name) };
    case 'widen':
      return {
        op: 'change_type',
        name,
        type: pick([...widerThan(type), ...otherTypes(type)], step.to % 3),
      };
    case 'nullable':
      return { op: 'set_nullable', name, nullable: step.nullable };
    case 'default': {
      const filling = step.filling === null ? undefined : sampleOf(type, step.filling);
      return { op: 'set_default', name, filling };
    }
    case 'move': {
      const others = columns.filter((column) => column.name !== name);
      const after = step.after === null || others.length === 0 ? null : pick(others, step.after).name;
      return { op: 'move_column', name, after };
    }
  }
}

function spoilt(record: RecordSpec, columns: readonly Column[], how: Exclude<Odd, 'twice'>): RecordSpec {
  // Right where the table has a key.
  if (how === 'op') return { ...record, op: 'upsert' };
  const typed = columns.find(({ type }) => type !== 'json');
  const required = columns.find(({ nullable }) => !nullable);
  if (how === 'misfit' && typed !== undefined) return { ...record, misfit: { [typed.name]: MISFIT } };
  if (how === 'null' && required !== undefined) {
    return { ...record, fields: { ...record.fields, [required.name]: null } };
  }
  return { ...record, misfit: { unknown: 1 } };
}

function create(table: string, { columns: steps, key: size, mode, layout }: StepOf<'create'>): Call {
  const columns = columnsOf(steps);
  const key = columns.filter(({ type }) => isKeyType(type)).slice(0, size);
  return {
    call: 'create',
    table,
    columns: columns.map((column) => (key.includes(column) ? { ...column, nullable: false } : column)),
    key: key.map(({ name }) => name),
    mode,
    layout: layoutOf(layout, columns),
  };
}

/** Now and then one that must be refused. */
function layoutOf(step: LayoutStep | undefined, columns: readonly ColumnSpec[]): LayoutSpec {
  const sources = [...columns, ...OWN_SOURCES];
  const partitionSpec = step?.partitions?.map(({ column: at, transform }) => {
    const { name, type } = pick(sources, at);
    const fitting = transformsOf(type);
    return {
      column: name,
      transform: fitting.length === 0 ? 'identity' : pick([...fitting, 'hour'], transform),
    };
  });
  const sortOrder = step?.sort?.map(({ column: at, direction }) => {
    const sorted = sources.filter(({ type }) => isSorted(type));
    return { column: pick(at === MISSING ? sources : sorted, at).name, direction };
  });
  return { partitionSpec, sortOrder };
}

/** Names that differ in more than case. */
function columnsOf(steps: readonly ColumnStep[]): ColumnSpec[] {
  const byName = new Map(steps.map((step) => [columnOf(step).name.toLowerCase(), columnOf(step)]));
  return [...byName.values()];
}

function columnOf({ name, type: typeAt, required, filling }: ColumnStep): ColumnSpec {
  const type = pick(TYPES, typeAt);
  return {
    name: pick(COLUMN_NAMES, name),
    type,
    nullable: !required,
    filling: filling === undefined ? undefined : sampleOf(type, filling),
  };
}

/** Some that a column of the type may not become. */
const otherTypes = (type: string): string[] => ['int', 'string'].filter((other) => !isOrBecomes(type, other));

const otherTime = (time: Sample | undefined): Sample =>
  pick(
    TIMES.filter((other) => other.shown !== time?.shown),
    0,
  );
