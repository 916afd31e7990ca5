import { randomUUID } from 'node:crypto';
import { query, sql, type SqlExecutor } from '../../../database/index.js';

/**
 * What a new tenant needs beside its own row: its clock, an empty root snapshot and its head.
 * Locks: none that another transaction could wait for, the tenant's row being new.
 */
export async function createTenantRows(tx: SqlExecutor, tenantId: string): Promise<void> {
  await query(
    tx,
    sql`INSERT INTO tenant_clock (tenant_id, last_token, catalog_epoch) VALUES (${tenantId}, 0, 0)`,
  );
  // Truncated, since the column's three digits would round a time up into the future.
  await query(
    tx,
    sql`WITH root AS (
          INSERT INTO snapshot
            (tenant_id, operation, max_visibility_token, sequence_number, publication_id, created_at, created_by)
          VALUES (${tenantId}, 'schema', 0, 0, ${randomUUID()}, date_trunc('milliseconds', clock_timestamp()), 'platform')
          RETURNING snapshot_id
        )
        INSERT INTO tenant_head (tenant_id, snapshot_id, published_token, last_sequence_number)
        SELECT ${tenantId}, snapshot_id, 0, 0 FROM root`,
  );
}
