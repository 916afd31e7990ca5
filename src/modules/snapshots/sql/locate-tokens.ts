import { query, sql, type SqlExecutor } from '../../../database/index.js';

export interface TokenLocationRow {
  readonly token: number;
  readonly snapshot_id: number;
  readonly path: string;
}

/**
 * Which file holds each token of a table, and the snapshot that brought it. Unpublished tokens are absent. Of a keyed
 * table the data file where the commit wrote one, else the delete file: it has the key of every event.
 */
export async function locateTokens(
  executor: SqlExecutor,
  tableId: number,
  tokens: readonly number[],
): Promise<TokenLocationRow[]> {
  return query<TokenLocationRow>(
    executor,
    sql`SELECT DISTINCT ON (t.token) t.token, s.snapshot_id, f.path
        FROM unnest(${tokens}::bigint[]) AS t (token)
        JOIN data_file f ON f.table_id = ${tableId} AND f.state IN ('live', 'removed')
                        AND t.token BETWEEN f.min_visibility_token AND f.max_visibility_token
        CROSS JOIN LATERAL (
          SELECT min(added_snapshot_id) AS snapshot_id FROM file_span WHERE file_id = f.file_id
        ) s
        WHERE s.snapshot_id IS NOT NULL
        ORDER BY t.token, f.content, s.snapshot_id, f.file_id`,
  );
}
