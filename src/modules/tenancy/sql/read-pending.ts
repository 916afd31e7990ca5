import { prepared, query, type SqlExecutor } from '../../../database/index.js';

export interface PendingRow {
  readonly last_token: number;
  readonly published_token: number;
  /** The tenant's own limit. */
  readonly max_pending: number | null;
}

/** Clock and head of a tenant, from one moment, with its quota. Takes no locks. */
export async function readPending(executor: SqlExecutor, tenantId: string): Promise<PendingRow | undefined> {
  const [row] = await query<PendingRow>(
    executor,
    prepared('read_pending')`SELECT c.last_token, h.published_token, q.pending_events AS max_pending
        FROM tenant_clock c JOIN tenant_head h USING (tenant_id) LEFT JOIN tenant_quota q USING (tenant_id)
        WHERE c.tenant_id = ${tenantId}`,
  );
  return row;
}
