import { query, sql, type SqlExecutor } from '../../../database/index.js';
import type { WindowClass } from '../ingest-bus.js';
import type { GroupPlan } from '../judgement.js';

export interface GroupCall {
  readonly tenantId: string;
  readonly catalogEpoch: number;
  readonly windowClass: WindowClass;
  readonly plan: GroupPlan;
  /** One for each batch of the plan. */
  readonly batchIds: readonly number[];
  readonly bodies: readonly Buffer[];
}

const array = (items: readonly (string | number)[]): string => `{${items.join(',')}}`;

/**
 * One group commit, in a transaction of its own. Lock order and SQLSTATEs: see the function in its migration.
 * Answers the token before the group's first. Arrays travel as literals of digits and hex, which spares the driver
 * from escaping each element.
 */
export async function ingestGroup(executor: SqlExecutor, call: GroupCall): Promise<number> {
  const { rows, batches } = call.plan;
  const [row] = await query<{ base_token: number }>(
    executor,
    sql`SELECT base_token FROM ingest_group(
      ${call.tenantId}, ${call.catalogEpoch}, ${call.windowClass},
      ${array(rows.map((r) => r.storedKey))}::uuid[], ${array(rows.map((r) => r.contentHash))}::uuid[],
      ${array(rows.map((r) => r.batch + 1))}::int[], ${array(rows.map((r) => r.ordinal))}::int[],
      ${array(rows.map((r) => r.recordCount))}::int[],
      ${rows.map((r) => (r.kind === 'record' ? 'r' : 'q')).join('')}, ${rows.map((r) => r.op[0]).join('')},
      ${array(call.batchIds)}::bigint[], ${array(batches.map((b) => b.tableId))}::bigint[],
      ${array(batches.map((b) => b.schemaVersion))}::int[], ${array(batches.map((b) => b.records))}::int[],
      ${`{${batches.map((b) => `"${array(b.skippedOrdinals)}"`).join(',')}}`}::text[],
      ${array(call.bodies.map((b) => b.length))}::int[], ${Buffer.concat(call.bodies)})`,
  );
  if (row === undefined) throw new Error('the ingest function answered nothing');
  return row.base_token;
}
