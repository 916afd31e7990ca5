import { query, sql, type SqlExecutor } from '../../../database/index.js';

export interface KeyUse {
  readonly keyId: string;
  /** How long ago, in milliseconds. The database's clock makes a time of it. */
  readonly agoMs: number;
}

/**
 * Sets `last_used_at`, at most once a minute and key over all processes.
 * Skips rows that another transaction has locked: it is a hint, and two processes must not wait for each other.
 */
export async function recordKeyUses(executor: SqlExecutor, uses: readonly KeyUse[]): Promise<void> {
  await query(
    executor,
    sql`WITH used AS (
          SELECT key_id, now() - ago * interval '1 millisecond' AS at
          FROM unnest(${uses.map((use) => use.keyId)}::text[], ${uses.map((use) => use.agoMs)}::float8[])
            AS u (key_id, ago)
        ), due AS (
          SELECT k.key_id FROM api_key k JOIN used USING (key_id)
          WHERE k.last_used_at IS NULL OR k.last_used_at <= used.at - interval '1 minute'
          FOR UPDATE OF k SKIP LOCKED
        )
        UPDATE api_key k SET last_used_at = used.at FROM used JOIN due USING (key_id) WHERE k.key_id = used.key_id`,
  );
}
