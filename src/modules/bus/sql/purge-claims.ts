import { query, sql, type SqlExecutor } from '../../../database/index.js';

/**
 * Deletes settled claims that began longer ago than `olderThanMs`, with their items: at most `limit` of them, the oldest
 * first. Skips what another process is at. Answers how many there were.
 */
export async function purgeClaims(
  executor: SqlExecutor,
  olderThanMs: number,
  limit: number,
): Promise<number> {
  const rows = await query(
    executor,
    sql`DELETE FROM ingest_claim_batch WHERE claim_id IN (
          SELECT claim_id FROM ingest_claim_batch
          WHERE state = 'acked' AND claimed_at < clock_timestamp() - ${olderThanMs} * interval '1 millisecond'
          ORDER BY claimed_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
        RETURNING claim_id`,
  );
  return rows.length;
}
