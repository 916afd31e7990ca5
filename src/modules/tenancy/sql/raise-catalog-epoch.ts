import { query, sql, type SqlExecutor } from '../../../database/index.js';

/**
 * Makes everything that was validated against the tenant's catalog until now void, and answers the new epoch.
 * Locks the tenant's clock to the end of the transaction: call it last. Tell others by `tidemark_catalog` after it.
 */
export async function raiseCatalogEpoch(tx: SqlExecutor, tenantId: string): Promise<number> {
  const [row] = await query<{ epoch: number }>(
    tx,
    sql`UPDATE tenant_clock SET catalog_epoch = catalog_epoch + 1 WHERE tenant_id = ${tenantId}
        RETURNING catalog_epoch AS epoch`,
  );
  if (row === undefined) throw new Error(`tenant ${tenantId} has no clock`);
  return row.epoch;
}
