import { pathText, typeText } from './column-types.js';
import type { Sample } from './values.js';

/** A column as a call defines it, or a part of one. */
export interface ColumnSpec {
  readonly name: string;
  /** Of a scalar its type; else `list` or `struct`, and `parts` say more. */
  readonly type: string;
  /** Of a struct its fields, of a list its only part, `element`. */
  readonly parts?: readonly ColumnSpec[];
  readonly nullable: boolean;
  /** For events that lack it, as it is sent; undefined: it has none. */
  readonly filling: unknown;
}

/** Names from a column down to one of its parts. */
export type Path = readonly [string, ...string[]];

export type Change =
  /** Of the table itself where `under` is empty. */
  | { readonly op: 'add_column'; readonly under: readonly string[]; readonly column: ColumnSpec }
  | { readonly op: 'drop_column'; readonly path: Path }
  | { readonly op: 'rename_column'; readonly path: Path; readonly to: string }
  | { readonly op: 'change_type'; readonly path: Path; readonly type: string }
  | { readonly op: 'set_nullable'; readonly path: Path; readonly nullable: boolean }
  | { readonly op: 'set_default'; readonly path: Path; readonly filling: unknown }
  /** `after` is the name of one that stands beside it. */
  | { readonly op: 'move_column'; readonly path: Path; readonly after: string | null }
  | { readonly op: 'rename_table'; readonly to: string };

export type Op = 'insert' | 'upsert' | 'delete';
export type Evolution = 'strict' | 'evolve';
export type Mode = 'none' | 'backward' | 'forward' | 'full';

/** A record of a write. */
export interface RecordSpec {
  readonly key: string | undefined;
  readonly op: Op;
  readonly time: Sample | undefined;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface Write {
  readonly call: 'write';
  readonly table: string;
  readonly records: readonly RecordSpec[];
  readonly requestKey: string | undefined;
  readonly wait: boolean;
}

/** How files are to be split and sorted. */
export interface LayoutSpec {
  readonly partitionSpec?: readonly { readonly column: string; readonly transform: string }[] | undefined;
  readonly sortOrder?: readonly { readonly column: string; readonly direction: 'asc' | 'desc' }[] | undefined;
}

export interface Create {
  readonly call: 'create';
  readonly table: string;
  /** Undefined: the first events say. */
  readonly columns: readonly ColumnSpec[] | undefined;
  /** Names of the key's columns. */
  readonly key: readonly string[];
  readonly mode: Mode | undefined;
  readonly evolution: Evolution | undefined;
  readonly layout: LayoutSpec;
}

export interface Alter {
  readonly call: 'alter';
  readonly table: string;
  readonly changes: readonly Change[];
  readonly mode: Mode | undefined;
  readonly evolution: Evolution | undefined;
  readonly layout: LayoutSpec;
  readonly ifVersion: number | undefined;
}

/** One call of the API, with names and values as they are sent. */
export type Call =
  | Create
  | Alter
  | { readonly call: 'drop'; readonly table: string }
  | { readonly call: 'undrop'; readonly table: string; readonly as: string | undefined }
  | Write;

export interface HttpCall {
  readonly method: string;
  readonly path: string;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const WAIT_MS = 60_000;

export function httpOf(call: Call): HttpCall {
  switch (call.call) {
    case 'create': {
      const { table, columns, key, mode, evolution, layout } = call;
      const json = {
        table_name: table,
        ...(columns && { schema: { columns: columns.map(columnJson) } }),
        ...(key.length > 0 && { primary_key_cols: key }),
        ...(mode && { compatibility_mode: mode }),
        ...(evolution && { evolution_mode: evolution }),
        ...layoutJson(layout),
      };
      return { method: 'POST', path: '/v1/tables', json };
    }
    case 'alter': {
      const { table, changes, mode, evolution, layout, ifVersion } = call;
      const json = {
        changes: changes.map(changeJson),
        ...(mode && { compatibility_mode: mode }),
        ...(evolution && { evolution_mode: evolution }),
        ...layoutJson(layout),
      };
      const headers = ifVersion === undefined ? undefined : { 'If-Match': `"${ifVersion}"` };
      return { method: 'PATCH', path: `/v1/tables/${table}`, json, ...(headers && { headers }) };
    }
    case 'drop':
      return { method: 'DELETE', path: `/v1/tables/${call.table}` };
    case 'undrop': {
      const json = call.as === undefined ? {} : { as: call.as };
      return { method: 'POST', path: `/v1/tables/${call.table}/undrop`, json };
    }
    case 'write': {
      const { table, records, requestKey, wait } = call;
      const waiting = wait && { wait_for_visibility: true, visibility_timeout_ms: WAIT_MS };
      const json = { records: records.map(recordJson), ...waiting };
      const headers = requestKey === undefined ? undefined : { 'Idempotency-Key': requestKey };
      return { method: 'POST', path: `/v1/ingest/${table}`, json, ...(headers && { headers }) };
    }
  }
}

export const columnJson = ({ name, type, parts, nullable, filling }: ColumnSpec) => ({
  name,
  type: typeText({ type, parts }),
  nullable,
  ...(filling !== undefined && { default: filling }),
});

const layoutJson = ({ partitionSpec, sortOrder }: LayoutSpec) => ({
  ...(partitionSpec !== undefined && { partition_spec: partitionSpec }),
  ...(sortOrder !== undefined && { sort_order: sortOrder }),
});

function changeJson(change: Change): object {
  if (change.op === 'rename_table') return change;
  if (change.op === 'add_column') {
    const { op, under, column } = change;
    return { op, column: { ...columnJson(column), name: pathText([...under, column.name]) } };
  }
  const { op, path, ...more } = change;
  const name = pathText(path);
  switch (change.op) {
    case 'rename_column':
      return { op, from: name, to: change.to };
    case 'set_default':
      return { op, name, default: change.filling ?? null };
    case 'move_column': {
      const { after } = change;
      return { op, name, after: after === null ? null : pathText([...path.slice(0, -1), after]) };
    }
    default:
      return { op, name, ...more };
  }
}

export const recordJson = ({ key, op, time, payload }: RecordSpec): object => ({
  ...(key !== undefined && { idempotency_key: key }),
  ...(op !== 'insert' && { op }),
  ...(time !== undefined && { event_time: time.sent }),
  payload,
});
