import { query, sql, type SqlExecutor } from '../../../database/index.js';

/**
 * Ends every live lease, for a process that knows itself to be the only one on the database: whoever held them is gone.
 * Locks the claim rows. Answers how many there were.
 */
export async function endLeases(executor: SqlExecutor): Promise<number> {
  const rows = await query(
    executor,
    sql`UPDATE ingest_claim_batch SET lease_until = clock_timestamp(), last_error = 'the consumer is gone'
        WHERE state = 'live' RETURNING claim_id`,
  );
  return rows.length;
}
