import { query, sql, type SqlExecutor } from '../../../database/index.js';

export interface DroppedTableRow {
  readonly table_id: number;
  readonly schema_version: number;
  readonly dropped_snapshot_id: number;
  readonly dropped_at: Date;
  /** Since then, by the database's clock. */
  readonly age_ms: number;
}

/** Of the dropped tables that had this name last, the one that was dropped last. Takes no locks: hold the head's. */
export async function findDroppedTable(
  executor: SqlExecutor,
  tenantId: string,
  tableName: string,
): Promise<DroppedTableRow | undefined> {
  const rows = await query<DroppedTableRow>(
    executor,
    sql`SELECT d.table_id, d.schema_version, d.dropped_snapshot_id, s.created_at AS dropped_at,
               (extract(epoch FROM clock_timestamp() - s.created_at) * 1000)::float8 AS age_ms
        FROM table_def d JOIN snapshot s ON s.snapshot_id = d.dropped_snapshot_id
        WHERE d.tenant_id = ${tenantId} AND lower(d.table_name) = ${tableName} AND d.dropped_snapshot_id IS NOT NULL
        ORDER BY d.dropped_snapshot_id DESC LIMIT 1`,
  );
  return rows[0];
}
