import { query, sql, type SqlExecutor } from '../../../database/index.js';

export interface TokenLocationRow {
  readonly token: number;
  readonly snapshot_id: number;
  /** Null where several files of the snapshot may hold it: their ranges of tokens overlap. */
  readonly path: string | null;
}

/**
 * Which file holds each token of a table, and the first snapshot that has it. Unpublished tokens are absent. Of a keyed
 * table a data file where the commit wrote one, else the delete file: it has the key of every event.
 */
export async function locateTokens(
  executor: SqlExecutor,
  tableId: number,
  tokens: readonly number[],
): Promise<TokenLocationRow[]> {
  return query<TokenLocationRow>(
    executor,
    sql`SELECT DISTINCT ON (token) token, snapshot_id, CASE WHEN count(*) = 1 THEN min(path) END AS path
        FROM (
          SELECT t.token, f.content, f.path, (SELECT min(added_snapshot_id) FROM file_span WHERE file_id = f.file_id) AS snapshot_id
          FROM unnest(${tokens}::bigint[]) AS t (token)
          JOIN data_file f ON f.table_id = ${tableId} AND f.state IN ('live', 'removed')
                          AND t.token BETWEEN f.min_visibility_token AND f.max_visibility_token
        ) candidate
        WHERE snapshot_id IS NOT NULL GROUP BY token, content, snapshot_id ORDER BY token, content, snapshot_id`,
  );
}
