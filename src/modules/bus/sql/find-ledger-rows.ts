import { query, sql, type SqlExecutor } from '../../../database/index.js';
import type { WindowClass } from '../ingest-bus.js';
import { uuidArray } from './binary-array.js';

export interface FoundLedgerRow {
  readonly stored_key: string;
  readonly content_hash: string;
  readonly batch_id: number;
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
    sql`SELECT replace(stored_key::text, '-', '') AS stored_key, replace(content_hash::text, '-', '') AS content_hash,
               batch_id, record_count, token
        FROM ingest_find(${windowClass}, ${uuidArray(keys, (key) => key)}::uuid[])`,
  );
}
