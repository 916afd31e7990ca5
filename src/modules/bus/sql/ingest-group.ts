import { identifier, query, sql, type SqlExecutor } from '../../../database/index.js';
import type { WindowClass } from '../ingest-bus.js';
import { quarantinedRecords, skippedOrdinals, type GroupPlan, type NewLedgerRow } from '../judgement.js';
import { int4Array, uuidArray } from './binary-array.js';

export interface GroupCall {
  readonly tenantId: string;
  readonly catalogEpoch: number;
  readonly windowClass: WindowClass;
  readonly plan: GroupPlan;
  /** One for each batch of the plan. */
  readonly batchIds: readonly number[];
  readonly bodies: readonly Buffer[];
}

const literal = (items: readonly (string | number)[]): string => `{${items.join(',')}}`;

/** Batch (1-based), kind and op of a row in one integer, as the ingest function takes them apart. */
function markOf({ unit, request }: NewLedgerRow, batch: number): number {
  const kind = unit.covered === undefined ? 'r' : 'q';
  const op = request.records[unit.position]?.op ?? 'insert';
  return (batch << 16) | (kind.charCodeAt(0) << 8) | op.charCodeAt(0);
}

/** 1, or all records of the request. */
const recordCountOf = ({ unit, request }: NewLedgerRow): number =>
  unit.covered === undefined ? 1 : request.records.length;

/**
 * One group commit, in a transaction of its own. Lock order and SQLSTATEs: see the function in its migration.
 * Answers the token before the group's first.
 */
export async function ingestGroup(executor: SqlExecutor, call: GroupCall): Promise<number> {
  const { rows, batches } = call.plan;
  const indexOf = new Map(batches.map((batch, index) => [batch, index + 1]));
  const dead = batches.flatMap((batch, index) =>
    quarantinedRecords(batch).map((quarantined) => ({ ...quarantined, batch: index + 1 })),
  );
  // The usual call does not pay for dead letters.
  const name = identifier(dead.length === 0 ? 'ingest_group' : 'ingest_group_with_dead');
  const deadLetters =
    dead.length === 0
      ? sql``
      : sql`, ${dead.map(({ batch }) => batch)}::int[], ${dead.map(({ ordinal }) => ordinal)}::int[],
              ${dead.map(({ key }) => Buffer.from(key))}::bytea[],
              ${dead.map(({ record }) => Buffer.from(record.payload))}::bytea[],
              ${dead.map(({ record }) => record.op)}::text[],
              ${dead.map(({ record }) => record.quarantinedFor)}::text[]`;
  const [row] = await query<{ base_token: number }>(
    executor,
    sql`SELECT base_token FROM ${name}(
      ${call.tenantId}, ${call.catalogEpoch}, ${call.windowClass},
      ${uuidArray(rows, (row) => row.unit.storedKey)}::uuid[], ${uuidArray(rows, (row) => row.unit.contentHash)}::uuid[],
      ${int4Array(rows, (row) => markOf(row, indexOf.get(row.batch) ?? 0))}::int[],
      ${int4Array(rows, (row) => row.ordinal)}::int[], ${int4Array(rows, recordCountOf)}::int[],
      ${literal(call.batchIds)}::bigint[], ${literal(batches.map((b) => b.tableId))}::bigint[],
      ${literal(batches.map((b) => b.schemaVersion))}::int[], ${literal(batches.map((b) => b.records))}::int[],
      ${`{${batches.map((b) => `"${literal(skippedOrdinals(b))}"`).join(',')}}`}::text[],
      ${literal(call.bodies.map((b) => b.length))}::int[], ${inOneBuffer(call.bodies)} ${deadLetters})`,
  );
  if (row === undefined) throw new Error('the ingest function answered nothing');
  return row.base_token;
}

function inOneBuffer(bodies: readonly Buffer[]): Buffer {
  const [only] = bodies;
  return only !== undefined && bodies.length === 1 ? only : Buffer.concat(bodies);
}
