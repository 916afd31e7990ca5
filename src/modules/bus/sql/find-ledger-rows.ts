import { query, sql, type SqlExecutor } from '../../../database/index.js';
import type { WindowClass } from '../ingest-bus.js';

export interface FoundLedgerRow {
  readonly stored_key: string;
  readonly content_hash: string;
  readonly batch_id: number;
  readonly ordinal: number;
  readonly record_count: number;
  /** Token of the record, or of the first record of the request. */
  readonly token: number;
}

/** Looks keys (32 hex digits) up in both generations of their window. Takes no locks. */
export async function findLedgerRows(
  executor: SqlExecutor,
  windowClass: WindowClass,
  keys: readonly string[],
): Promise<FoundLedgerRow[]> {
  if (keys.length === 0) return [];
  return query<FoundLedgerRow>(
    executor,
    sql`SELECT replace(e.stored_key::text, '-', '') AS stored_key, replace(e.content_hash::text, '-', '') AS content_hash,
               e.batch_id, e.ordinal, e.record_count, b.first_token + e.ordinal AS token
        FROM ingest_generation g
        JOIN ingest_event e ON e.window_class = ${windowClass} AND e.generation IN (g.number, g.number - 1)
        JOIN ingest_batch b ON b.window_class = ${windowClass} AND b.generation = e.generation
                           AND b.batch_id = e.batch_id
        WHERE g.class = ${windowClass} AND e.stored_key = ANY (${`{${keys.join(',')}}`}::uuid[])`,
  );
}
