import { query, sql, type SqlExecutor, type Tx } from '../../../database/index.js';

/** A place among all dead letters, oldest first. */
export interface LetterPlace {
  /** To the microsecond, as Postgres writes it. */
  readonly failedAt: string;
  readonly id: number;
}

export const BEFORE_ALL_LETTERS: LetterPlace = { failedAt: '-infinity', id: 0 };

export interface PurgedSlice {
  /** The last dead letter that was looked at; undefined where there was none to look at. */
  readonly last: LetterPlace | undefined;
  readonly purged: readonly PurgedRow[];
}

export interface PurgedRow {
  readonly tenant_id: string;
  readonly state: 'dead' | 'replayed' | 'discarded';
  readonly letters: number;
}

/**
 * Looks at up to `limit` dead letters after the place `after` that failed longer ago than `olderThanMs`, and deletes those
 * that no receipt and no repeat can lead to: whose batch has no header any more, and that no replay led to. Skips
 * what another transaction holds.
 */
export async function purgeDeadLetters(
  tx: Tx,
  after: LetterPlace,
  olderThanMs: number,
  limit: number,
): Promise<PurgedSlice> {
  const rows = await query<{ last_id: number | null; last_failed_at: string | null } & PurgedRow>(
    tx,
    sql`WITH slice AS MATERIALIZED (
          SELECT dead_letter_id, failed_at, tenant_id, token FROM dead_letter
          WHERE (failed_at, dead_letter_id) > (${after.failedAt}::timestamptz, ${after.id})
            -- A query of its own: an index is not searched by what a volatile function answers.
            AND failed_at < (SELECT clock_timestamp() - ${olderThanMs} * interval '1 millisecond')
          ORDER BY failed_at, dead_letter_id LIMIT ${limit}
        ), due AS MATERIALIZED (
          SELECT d.dead_letter_id FROM dead_letter d JOIN slice s USING (dead_letter_id)
          WHERE NOT EXISTS (
              SELECT FROM (
                SELECT b.first_token FROM ingest_batch b
                WHERE b.tenant_id = s.tenant_id AND b.last_token >= s.token ORDER BY b.last_token LIMIT 1
              ) header WHERE header.first_token <= s.token)
            AND NOT EXISTS (
              SELECT FROM dead_letter earlier
              WHERE earlier.tenant_id = s.tenant_id AND earlier.replayed_token = s.token)
          FOR UPDATE OF d SKIP LOCKED
        ), gone AS (
          DELETE FROM dead_letter WHERE dead_letter_id IN (SELECT dead_letter_id FROM due)
          RETURNING tenant_id, coalesce(resolution, 'dead') AS state
        )
        SELECT l.dead_letter_id AS last_id, l.failed_at::text AS last_failed_at, tenant_id, state,
               count(tenant_id)::int AS letters
        FROM (SELECT) one
        LEFT JOIN (SELECT dead_letter_id, failed_at FROM slice
                   ORDER BY failed_at DESC, dead_letter_id DESC LIMIT 1) l ON true
        LEFT JOIN gone ON true
        GROUP BY last_id, last_failed_at, tenant_id, state`,
  );
  const { last_id: id, last_failed_at: failedAt } = rows[0] ?? {};
  return {
    last: typeof id === 'number' && typeof failedAt === 'string' ? { id, failedAt } : undefined,
    purged: rows.filter(({ letters }) => letters > 0),
  };
}

/** Counted up to this. */
const MOST_COUNTED = 1_000_000;

export interface OpenLetters {
  readonly letters: number;
  /** 0 where there are none. */
  readonly oldest_age_ms: number;
}

/** Dead letters of all tenants that were neither replayed nor discarded. Takes no locks. */
export async function countOpenLetters(executor: SqlExecutor): Promise<OpenLetters> {
  const [row] = await query<OpenLetters>(
    executor,
    sql`SELECT
          (SELECT count(*)::int FROM (SELECT FROM dead_letter WHERE resolution IS NULL LIMIT ${MOST_COUNTED}) open)
            AS letters,
          coalesce((SELECT extract(epoch FROM clock_timestamp() - min(failed_at)) * 1000
                    FROM dead_letter WHERE resolution IS NULL), 0)::float8 AS oldest_age_ms`,
  );
  return row ?? { letters: 0, oldest_age_ms: 0 };
}
