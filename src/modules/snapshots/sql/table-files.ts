import { query, sql, type Tx } from '../../../database/index.js';

/** How many files of the table are live. Final under the head lock. */
export async function countLiveFiles(tx: Tx, tableId: number): Promise<number> {
  const [row] = await query<{ files: number }>(
    tx,
    sql`SELECT count(*)::int AS files FROM file_span WHERE table_id = ${tableId} AND removed_snapshot_id IS NULL`,
  );
  return row?.files ?? 0;
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

/** How many files a table had when a snapshot dropped it, those that are deleted since included. */
export async function countDroppedFiles(tx: Tx, snapshotId: number): Promise<number> {
  const [row] = await query<{ files: number }>(
    tx,
    sql`SELECT coalesce((s.summary ->> 'removed_files')::int, (
          SELECT count(*)::int FROM snapshot_file f WHERE f.snapshot_id = s.snapshot_id AND f.change = 'remove'
        )) AS files
        FROM snapshot s WHERE s.snapshot_id = ${snapshotId}`,
  );
  return row?.files ?? 0;
}

/**
 * Opens new spans for the files that a table lost when it was dropped, and turns them live. Locks data files by id.
 * Answers how many: a file that garbage collection has taken is not among them.
 */
export async function reopenTableFiles(
  tx: Tx,
  tableId: number,
  droppedSnapshotId: number,
  snapshotId: number,
): Promise<number> {
  const rows = await query(
    tx,
    sql`WITH locked AS (
          SELECT f.file_id FROM data_file f JOIN snapshot_file c USING (file_id)
          WHERE c.snapshot_id = ${droppedSnapshotId} AND c.change = 'remove' AND f.table_id = ${tableId}
            AND f.state = 'removed'
          ORDER BY f.file_id FOR UPDATE OF f
        ), live AS (
          UPDATE data_file SET state = 'live' WHERE file_id IN (SELECT file_id FROM locked) RETURNING file_id
        ), span AS (
          INSERT INTO file_span (file_id, table_id, added_snapshot_id)
          SELECT file_id, ${tableId}, ${snapshotId} FROM live
        ), change AS (
          INSERT INTO snapshot_file (snapshot_id, file_id, table_id, change)
          SELECT ${snapshotId}, file_id, ${tableId}, 'add' FROM live
        )
        SELECT file_id FROM live`,
  );
  return rows.length;
}
