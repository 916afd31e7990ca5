import type { Alter, Call, Change, ColumnSpec, LayoutSpec, RecordSpec, Write } from './calls.js';
import type { Reference, Table } from './reference.js';
import { isSorted, OWN_SOURCES, transformsOf } from './reference-layout.js';
import { changedColumns } from './reference-schema.js';
import type { Column } from './reference-values.js';
import { isRefusal } from './refusal.js';
import { COLUMN_NAMES, columnChanges, columnOf, MISSING, pick } from './resolve-changes.js';
import {
  TABLE_NAMES,
  type ChangeStep,
  type ColumnStep,
  type LayoutStep,
  type LessonStep,
  type Odd,
  type RowStep,
  type Step,
  type StepOf,
} from './steps.js';
import { isKeyType, LESSONS, MISFIT, samplesOf, UNTYPED, valueOf, type Sample } from './values.js';

type Field = readonly [name: string, value: unknown];

const KEY_VALUES = 3;
const TIMES = samplesOf('timestamptz').filter(({ sent }) => typeof sent === 'string');

const BURST = 66;

function timeOf(hour: number): Sample {
  const [text = ''] = new Date(Date.UTC(2026, 1, 1, hour)).toISOString().split('.');
  return { sent: `${text}Z`, shown: `${text}.000000Z` };
}

/** Types with a value for each number. */
const isCounted = (type: string): boolean => ['int', 'long', 'string'].includes(type);
const countedValue = (type: string, number: number): unknown => (type === 'string' ? `k${number}` : number);

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

  private alter({ table: at, changes, mode, evolution, layout, version }: StepOf<'alter'>): Alter {
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
      evolution: key.length > 0 ? undefined : evolution,
      layout: layoutOf(layout, columns),
      ifVersion,
    };
  }

  private changesOf(step: ChangeStep, columns: readonly Column[], key: readonly number[]): Change[] {
    return step.op === 'rename_table'
      ? [{ op: 'rename_table', to: this.nameOf(step.name) }]
      : columnChanges(step, columns, key);
  }

  private write(step: StepOf<'write'>): Write {
    const { table: at, rows, burst: isBurst, lesson, requestKey, wait, odd } = step;
    const table = this.table(at);
    const columns = table?.columns ?? [];
    const records = isBurst
      ? this.burst(rows, table)
      : rows.map((row, position) => {
          const brought = lesson && [taughtBy(lesson, columns, position)];
          return this.recordOf(row, table, requestKey && row.covered, brought);
        });
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
      const keys = columns.flatMap(({ id, name, type }): Field[] =>
        key.includes(id) && isCounted(type) ? [[name, countedValue(type, hour)]] : [],
      );
      return { ...record, payload: { ...record.payload, ...Object.fromEntries(keys) }, time: timeOf(hour) };
    });
  }

  private recordOf(
    row: RowStep,
    table: Table | undefined,
    covered: boolean,
    brought = broughtBy(row),
  ): RecordSpec {
    const { columns = [], key = [] } = table ?? {};
    const op = key.length === 0 ? 'insert' : row.op;
    const fields = columns.flatMap((column, index): Field[] => {
      const { id, name, nullable, filling } = column;
      const at = row.values[index];
      // Few, so that keys meet.
      if (key.includes(id)) return [[name, valueOf(column, (at ?? 0) % KEY_VALUES)]];
      if (at === undefined && (nullable || filling !== undefined || op === 'delete')) return [];
      if (at === null && nullable) return [[name, null]];
      return [[name, valueOf(column, at ?? 0)]];
    });
    if (table?.evolution === 'evolve' || table?.columns.length === 0) fields.push(...brought);
    return {
      key: covered ? undefined : `${this.prefix}${(this.keys += 1)}`,
      op,
      time: row.time === undefined ? undefined : pick(TIMES, row.time),
      payload: Object.fromEntries(fields),
    };
  }

  private requestKey(records: readonly RecordSpec[]): string | undefined {
    if (records.every(({ key }) => key !== undefined)) return undefined;
    return `${this.prefix}r${(this.keys += 1)}`;
  }
}

/** Of any type, for a table that learns. */
const broughtBy = ({ learnt }: RowStep): Field[] =>
  learnt.map(({ name, value }) => [pick(COLUMN_NAMES, name), pick(UNTYPED, value)]);

/** For a column that is not json yet, or one that is new. */
function taughtBy({ column, of, values }: LessonStep, columns: readonly Column[], position: number): Field {
  const typed = columns.filter(({ type }) => type !== 'json').map(({ name }) => name);
  return [
    pick([...typed, pick(COLUMN_NAMES, column)], column),
    pick(pick(LESSONS, of), pick(values, position)),
  ];
}

function spoilt(record: RecordSpec, columns: readonly Column[], how: Exclude<Odd, 'twice'>): RecordSpec {
  // Right where the table has a key.
  if (how === 'op') return { ...record, op: 'upsert' };
  const typed = columns.find(({ type }) => type !== 'json');
  const required = columns.find(({ nullable }) => !nullable);
  const odd: Field =
    how === 'misfit' && typed !== undefined
      ? [typed.name, MISFIT]
      : how === 'null' && required !== undefined
        ? [required.name, null]
        : ['unknown', 1];
  return { ...record, payload: { ...record.payload, ...Object.fromEntries([odd]) } };
}

function create(table: string, step: StepOf<'create'>): Call {
  const { key: size, learns, mode, evolution, layout } = step;
  const columns = learns ? [] : columnsOf(step.columns);
  // What a key's columns learn is another matter.
  const key = evolution === 'evolve' ? [] : columns.filter(({ type }) => isKeyType(type)).slice(0, size);
  return {
    call: 'create',
    table,
    columns: learns
      ? undefined
      : columns.map((column) => (key.includes(column) ? { ...column, nullable: false } : column)),
    key: key.map(({ name }) => name),
    mode,
    evolution,
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

const otherTime = (time: Sample | undefined): Sample =>
  pick(
    TIMES.filter((other) => other.shown !== time?.shown),
    0,
  );
