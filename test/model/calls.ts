import type { Sample } from './values.js';

/** A column as a call defines it. */
export interface ColumnSpec {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly filling: Sample | undefined;
}

export type Change =
  | { readonly op: 'add_column'; readonly column: ColumnSpec }
  | { readonly op: 'drop_column'; readonly name: string }
  | { readonly op: 'rename_column'; readonly from: string; readonly to: string }
  | { readonly op: 'change_type'; readonly name: string; readonly type: string }
  | { readonly op: 'set_nullable'; readonly name: string; readonly nullable: boolean }
  | { readonly op: 'set_default'; readonly name: string; readonly filling: Sample | undefined }
  | { readonly op: 'move_column'; readonly name: string; readonly after: string | null }
  | { readonly op: 'rename_table'; readonly to: string };

export type Op = 'insert' | 'upsert' | 'delete';
export type Mode = 'none' | 'backward' | 'forward' | 'full';

/** A record of a write. Fields that are absent are left out; null is sent. */
export interface RecordSpec {
  readonly key: string | undefined;
  readonly op: Op;
  readonly time: Sample | undefined;
  readonly fields: Readonly<Record<string, Sample | null>>;
  /** A field that no table of that version takes. */
  readonly misfit?: Readonly<Record<string, unknown>> | undefined;
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
  readonly columns: readonly ColumnSpec[];
  /** Names of the key's columns. */
  readonly key: readonly string[];
  readonly mode: Mode | undefined;
  readonly layout: LayoutSpec;
}

export interface Alter {
  readonly call: 'alter';
  readonly table: string;
  readonly changes: readonly Change[];
  readonly mode: Mode | undefined;
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
      const { table, columns, key, mode, layout } = call;
      const json = {
        table_name: table,
        schema: { columns: columns.map(columnJson) },
        ...(key.length > 0 && { primary_key_cols: key }),
        ...(mode !== undefined && { compatibility_mode: mode }),
        ...layoutJson(layout),
      };
      return { method: 'POST', path: '/v1/tables', json };
    }
    case 'alter': {
      const { table, changes, mode, layout, ifVersion } = call;
      const json = {
        changes: changes.map(changeJson),
        ...(mode !== undefined && { compatibility_mode: mode }),
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

export const columnJson = ({ name, type, nullable, filling }: ColumnSpec) => ({
  name,
  type,
  nullable,
  ...(filling !== undefined && { default: filling.sent }),
});

const layoutJson = ({ partitionSpec, sortOrder }: LayoutSpec) => ({
  ...(partitionSpec !== undefined && { partition_spec: partitionSpec }),
  ...(sortOrder !== undefined && { sort_order: sortOrder }),
});

function changeJson(change: Change): object {
  if (change.op === 'add_column') return { op: change.op, column: columnJson(change.column) };
  if (change.op !== 'set_default') return change;
  return { op: change.op, name: change.name, default: change.filling?.sent ?? null };
}

export function recordJson({ key, op, time, fields, misfit }: RecordSpec): object {
  const payload = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value === null ? null : value.sent]),
  );
  return {
    ...(key !== undefined && { idempotency_key: key }),
    ...(op !== 'insert' && { op }),
    ...(time !== undefined && { event_time: time.sent }),
    payload: { ...payload, ...misfit },
  };
}
