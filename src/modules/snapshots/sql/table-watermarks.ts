import type { Tx } from '../../../database/index.js';

export interface TableWatermark {
  readonly tableId: number;
  readonly tableName: string;
  readonly maxVisibilityToken: number;
  readonly schemaVersion: number;
  /** True in the snapshot that no longer has the table. */
  readonly dropped?: boolean;
}

/** Rows for the tables that changed with a snapshot. */
export async function insertWatermarks(
  tx: Tx,
  snapshotId: number,
  watermarks: readonly TableWatermark[],
): Promise<void> {
  await tx.query(
    `INSERT INTO snapshot_table_watermark
       (snapshot_id, table_id, table_name, max_visibility_token, schema_version, dropped)
     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::int[], $6::boolean[])`,
    [
      snapshotId,
      watermarks.map((w) => w.tableId),
      watermarks.map((w) => w.tableName),
      watermarks.map((w) => w.maxVisibilityToken),
      watermarks.map((w) => w.schemaVersion),
      watermarks.map((w) => w.dropped ?? false),
    ],
  );
}
