import type { Answer as HttpAnswer } from '../support/service-client.js';
import { columnJson, type Call } from './calls.js';
import { queryTypeText } from './column-types.js';
import type { Answer, Event, Table } from './reference.js';
import { layoutJson } from './reference-layout.js';
import { isRefusal } from './refusal.js';
import { shown } from './reference-values.js';

const STATUS: Readonly<Record<string, number>> = {
  TABLE_NOT_FOUND: 404,
  TABLE_ALREADY_EXISTS: 409,
  SCHEMA_INCOMPATIBLE: 409,
  SCHEMA_VERSION_CONFLICT: 409,
  IDEMPOTENCY_KEY_REUSED: 409,
  PRIMARY_KEY_REQUIRED: 400,
  SCHEMA_VIOLATION: 400,
  REQUEST_INVALID: 400,
};

const METADATA = [
  { name: '_visibility_token', type: 'long' },
  { name: '_event_time', type: 'timestamptz' },
  { name: '_ingested_at', type: 'timestamptz' },
  { name: '_idempotency_key', type: 'string' },
];

/** In place of the time of ingestion, which only the service knows. */
const BY_ARRIVAL = 'the time of ingestion';

interface ColumnJson {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly default?: unknown;
}

export interface TableJson {
  readonly schema: { readonly columns: readonly ColumnJson[] };
}

/** As a query answers them. */
export const columnsOf = ({ columns }: Table) => [
  ...columns.map((column) => ({ name: column.name, type: queryTypeText(column) })),
  ...METADATA,
];

/** As `comparableRow` makes it of what a query answers. */
export function rowOf({ token, time, key, fields }: Event, { columns }: Table): unknown[] {
  const values = columns.map((column) => shown(fields.get(column.id), column));
  return [...values, token, time?.shown ?? BY_ARRIVAL, BY_ARRIVAL, key];
}

/** A row of a query, its time of ingestion and what comes of that left out. */
export function comparableRow(row: readonly unknown[]): unknown[] {
  const [time, ingestedAt] = row.slice(-3);
  return time === ingestedAt ? row.with(-3, BY_ARRIVAL).with(-2, BY_ARRIVAL) : row.with(-2, BY_ARRIVAL);
}

export function dueStatus(call: Call, due: Answer): number {
  if (isRefusal(due)) return STATUS[due.code] ?? 0;
  if (call.call === 'create') return 201;
  return call.call === 'write' && !call.wait ? 202 : 200;
}

/** The part of the answer's body that is compared. */
export function dueBody(due: Answer, wait: boolean): object {
  if (isRefusal(due)) return { error_code: due.code };
  if ('dropped' in due) return { table_name: due.dropped };
  if ('table' in due) {
    const { name, version, columns, key, mode, evolution, layout } = due.table;
    return {
      table_name: name,
      schema_version: version,
      compatibility_mode: mode,
      evolution_mode: evolution,
      primary_key_cols: key.map((id) => columns.find((column) => column.id === id)?.name),
      schema: { columns: columns.map(columnJson) },
      ...layoutJson(layout, columns),
    };
  }
  const { accepted, duplicates, maxToken } = due.written;
  return {
    accepted_count: accepted,
    duplicate_count: duplicates,
    max_visibility_token: maxToken,
    status: wait ? 'visible' : duplicates > 0 ? 'partial_duplicate' : 'accepted',
  };
}

/** The parts of an answer that `due` names. */
export function picked({ status, body }: HttpAnswer<Record<string, unknown>>, due: object): object {
  const fields = Object.keys(due).map((name): [string, unknown] => {
    const value: unknown = body[name];
    return [name, name === 'schema' && isSchema(value) ? { columns: value.columns.map(comparable) } : value];
  });
  return { http: status, ...Object.fromEntries(fields) };
}

const isSchema = (value: unknown): value is TableJson['schema'] =>
  typeof value === 'object' && value !== null && 'columns' in value;

/** What is compared of a column: ids and the parts of nested types follow from the rest. */
export const comparable = ({ name, type, nullable, default: filling }: ColumnJson): object => ({
  name,
  type,
  nullable,
  ...(filling !== undefined && { default: filling }),
});
