import { query, sql, type SqlExecutor } from '../../../database/index.js';

/** The highest token that the table was written at, published or not; 0 where that is not known any more. */
export async function findNewestToken(
  executor: SqlExecutor,
  tenantId: string,
  tableId: number,
): Promise<number> {
  const [row] = await query<{ token: number }>(
    executor,
    sql`SELECT greatest(0,
          (SELECT max(max_visibility_token) FROM data_file WHERE table_id = ${tableId} AND state IN ('live', 'removed')),
          (SELECT max(b.last_token) FROM tenant_head h
           JOIN ingest_batch b ON b.tenant_id = h.tenant_id AND b.last_token > h.published_token
           WHERE h.tenant_id = ${tenantId} AND b.table_id = ${tableId})) AS token`,
  );
  return row?.token ?? 0;
}
