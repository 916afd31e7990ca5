import { prepared, query, sql, type Tx } from '../../../database/index.js';

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
    prepared(
      'table_states',
    )`SELECT table_id, table_name, schema_version, dropped_snapshot_id IS NOT NULL AS dropped
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
    prepared('add_files')`WITH live AS (
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
