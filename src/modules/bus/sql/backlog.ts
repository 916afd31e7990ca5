import { prepared, query, type SqlExecutor } from '../../../database/index.js';
import { CLAIM_IS_HELD } from './lease.js';

export interface BacklogRow {
  readonly tenant_id: string;
  readonly published_token: number;
  readonly last_token: number;
  readonly pending_events: number;
  readonly pending_bytes: number;
  readonly oldest_age_ms: number;
}

/** Batches counted one by one, of each tenant: far more than a commit takes. A look must stay quick in an outage. */
const MAX_COUNTED = 10_000;

/**
 * Tenants with a clock above their head and nobody at work on them. Beyond `MAX_COUNTED` batches tokens are counted
 * for events, and no bytes. Takes no locks.
 */
export async function readBacklog(executor: SqlExecutor): Promise<BacklogRow[]> {
  return query<BacklogRow>(
    executor,
    prepared(
      'backlog',
    )`SELECT c.tenant_id, h.published_token, c.last_token, p.events AS pending_events, p.bytes AS pending_bytes,
               greatest(0, extract(epoch FROM clock_timestamp() - p.oldest) * 1000)::float8 AS oldest_age_ms
        FROM tenant_clock c
        JOIN tenant_head h USING (tenant_id)
        CROSS JOIN LATERAL (
          SELECT sum(b.record_count)::bigint + c.last_token - max(b.last_token) AS events,
                 sum(b.body_bytes)::bigint AS bytes, min(b.ingested_at) AS oldest
          FROM (
            SELECT record_count, body_bytes, ingested_at, last_token FROM ingest_batch
            WHERE tenant_id = c.tenant_id AND last_token > h.published_token AND last_token <= c.last_token
            ORDER BY last_token LIMIT ${MAX_COUNTED}
          ) b
        ) p
        WHERE c.last_token > h.published_token AND p.events IS NOT NULL
          AND NOT EXISTS (
            SELECT FROM ingest_claim_batch k
            WHERE k.tenant_id = c.tenant_id AND ${CLAIM_IS_HELD})
        ORDER BY p.oldest`,
  );
}
