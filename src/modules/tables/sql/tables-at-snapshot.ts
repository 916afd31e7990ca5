import { prepared, query, type SqlExecutor } from '../../../database/index.js';

export interface TableAtSnapshotRow {
  readonly table_id: number;
  readonly table_name: string;
  readonly schema_version: number;
  readonly primary_key_ids: readonly number[];
}

/** The tables that a snapshot has, with the name and schema version that each had then. Takes no locks. */
export async function tablesAtSnapshot(
  executor: SqlExecutor,
  tenantId: string,
  snapshotId: number,
): Promise<TableAtSnapshotRow[]> {
  return query<TableAtSnapshotRow>(
    executor,
    prepared('tables_at_snapshot')`SELECT d.table_id, w.table_name, w.schema_version, d.primary_key_ids
        FROM table_def d
        CROSS JOIN LATERAL (
          SELECT table_name, schema_version, dropped FROM snapshot_table_watermark
          WHERE table_id = d.table_id AND snapshot_id <= ${snapshotId}
          ORDER BY snapshot_id DESC LIMIT 1
        ) w
        WHERE d.tenant_id = ${tenantId} AND d.created_snapshot_id <= ${snapshotId}
          AND (d.dropped_snapshot_id IS NULL OR d.dropped_snapshot_id > ${snapshotId})
          AND NOT w.dropped
        ORDER BY w.table_name`,
  );
}
