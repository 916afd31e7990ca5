import { query, sql, type Tx } from '../../../database/index.js';

/** The tables of a range with their state under the head lock: schema changes take the same lock. */
export interface TableState {
  readonly table_id: number;
  readonly table_name: string;
  readonly schema_version: number;
  readonly dropped: boolean;
}

export async function readTableStates(tx: Tx, tableIds: readonly number[]): Promise<TableState[]> {
  return query<TableState>(
    tx,
    sql`SELECT table_id, table_name, schema_version, dropped_snapshot_id IS NOT NULL AS dropped
        FROM table_def WHERE table_id = ANY (${tableIds}::bigint[])`,
  );
}

/** Ends pending files of dropped tables. Locks data files by id. */
export async function discardPendingFiles(tx: Tx, fileIds: readonly number[]): Promise<void> {
  if (fileIds.length === 0) return;
  await query(
    tx,
    sql`UPDATE data_file SET state = 'removed'
        WHERE state = 'pending' AND file_id IN (
          SELECT file_id FROM data_file WHERE file_id = ANY (${fileIds}::bigint[]) ORDER BY file_id FOR UPDATE)`,
  );
}

/**
 * Turns pending files live as part of a snapshot, with a span each. Locks data files by id.
 * Answers how many were pending: the caller refuses any other number than it wrote.
 */
export async function addFiles(
  tx: Tx,
  fileIds: readonly number[],
  at: { snapshotId: number; sequenceNumber: number },
): Promise<number> {
  const rows = await query(
    tx,
    sql`WITH live AS (
          UPDATE data_file SET state = 'live', sequence_number = ${at.sequenceNumber}
          WHERE state = 'pending' AND file_id IN (
            SELECT file_id FROM data_file WHERE file_id = ANY (${fileIds}::bigint[]) ORDER BY file_id FOR UPDATE)
          RETURNING file_id, table_id
        ), span AS (
          INSERT INTO file_span (file_id, table_id, added_snapshot_id)
          SELECT file_id, table_id, ${at.snapshotId} FROM live
        ), change AS (
          INSERT INTO snapshot_file (snapshot_id, file_id, table_id, change)
          SELECT ${at.snapshotId}, file_id, table_id, 'add' FROM live
        )
        SELECT file_id FROM live`,
  );
  return rows.length;
}

/** Closes the open spans of a dropped table's files. Locks data files by id. */
export async function removeTableFiles(tx: Tx, tableId: number, snapshotId: number): Promise<void> {
  await query(
    tx,
    sql`WITH locked AS (
          SELECT f.file_id FROM data_file f JOIN file_span s USING (file_id)
          WHERE s.table_id = ${tableId} AND s.removed_snapshot_id IS NULL ORDER BY f.file_id FOR UPDATE OF f
        ), closed AS (
          UPDATE file_span SET removed_snapshot_id = ${snapshotId}
          WHERE removed_snapshot_id IS NULL AND file_id IN (SELECT file_id FROM locked) RETURNING file_id
        ), change AS (
          INSERT INTO snapshot_file (snapshot_id, file_id, table_id, change)
          SELECT ${snapshotId}, file_id, ${tableId}, 'remove' FROM closed
        )
        UPDATE data_file SET state = 'removed' WHERE file_id IN (SELECT file_id FROM closed) RETURNING file_id`,
  );
}

export interface TableWatermark {
  readonly tableId: number;
  readonly tableName: string;
  readonly maxVisibilityToken: number;
  readonly schemaVersion: number;
}

/** Rows for the tables that changed with a snapshot. */
export async function insertWatermarks(
  tx: Tx,
  snapshotId: number,
  watermarks: readonly TableWatermark[],
): Promise<void> {
  await tx.query(
    `INSERT INTO snapshot_table_watermark (snapshot_id, table_id, table_name, max_visibility_token, schema_version)
     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::int[])`,
    [
      snapshotId,
      watermarks.map((w) => w.tableId),
      watermarks.map((w) => w.tableName),
      watermarks.map((w) => w.maxVisibilityToken),
      watermarks.map((w) => w.schemaVersion),
    ],
  );
}
