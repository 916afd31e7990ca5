import type { ColumnStatistics } from '../data-file.entity.js';
import { prepared, query, sql, type SqlExecutor } from '../../../database/index.js';

export interface LiveFileRow {
  readonly file_id: number;
  readonly table_id: number;
  readonly path: string;
  readonly file_size_bytes: number;
  readonly sha256: Buffer;
  readonly record_count: number;
  readonly schema_version: number;
  readonly content: 'data' | 'deletes';
  readonly sequence_number: number;
  readonly min_visibility_token: number;
  readonly max_visibility_token: number;
  /** By field id; null where the table has no key. */
  readonly key_stats: Readonly<Record<string, ColumnStatistics | null>> | null;
}

const columns = sql`f.file_id, s.table_id, f.path, f.file_size_bytes, f.sha256, f.record_count, f.schema_version,
                    f.content, f.sequence_number, f.min_visibility_token, f.max_visibility_token,
                    CASE WHEN d.primary_key_ids <> '{}' THEN (
                      SELECT jsonb_object_agg(k, f.column_stats -> k::text) FROM unnest(d.primary_key_ids) k
                    ) END AS key_stats`;

/**
 * Files of the tables that are live in a snapshot. A span that was opened at or before the snapshot and is open
 * still answers from the partial index; spans that were closed since come from the time-travel index.
 */
export async function readLiveFiles(
  executor: SqlExecutor,
  snapshotId: number,
  tableIds: readonly number[],
): Promise<LiveFileRow[]> {
  return query<LiveFileRow>(
    executor,
    prepared('live_files')`SELECT ${columns} FROM file_span s JOIN data_file f USING (file_id)
        JOIN table_def d ON d.table_id = s.table_id
        WHERE s.table_id = ANY (${tableIds}::bigint[])
          AND s.removed_snapshot_id IS NULL AND s.added_snapshot_id <= ${snapshotId}
        UNION ALL
        SELECT ${columns} FROM file_span s JOIN data_file f USING (file_id)
        JOIN table_def d ON d.table_id = s.table_id
        WHERE s.table_id = ANY (${tableIds}::bigint[])
          AND s.removed_snapshot_id IS NOT NULL
          AND int8range(s.added_snapshot_id, s.removed_snapshot_id) @> ${snapshotId}::bigint
        ORDER BY file_id`,
  );
}
