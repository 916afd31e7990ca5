import { prepared, query, sql, type SqlExecutor } from '../../../database/index.js';

export interface LeaseId {
  readonly claimId: number;
  readonly attempt: number;
}

/** What a claim's `last_error` says of an attempt that ended without a word. */
export const LEASE_EXPIRED = 'lease expired';

/** Whether the claim `k` is somebody's, or its pause is not over: nobody can take it. */
export const CLAIM_IS_HELD = sql`((k.state = 'live' AND k.lease_until >= clock_timestamp())
                OR (k.state = 'waiting' AND k.next_attempt_at > clock_timestamp()))`;

/** Each of these locks the one claim row, and changes nothing where claim id and attempt are not the live ones. */

export async function extendLease(executor: SqlExecutor, lease: LeaseId, leaseMs: number): Promise<boolean> {
  const rows = await query(
    executor,
    prepared(
      'extend_lease',
    )`UPDATE ingest_claim_batch SET lease_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
        WHERE claim_id = ${lease.claimId} AND attempt = ${lease.attempt} AND state = 'live' RETURNING claim_id`,
  );
  return rows.length === 1;
}

/** Settles a live claim. For the publication's transaction, where a claim may be settled only once. */
export async function fenceLease(executor: SqlExecutor, lease: LeaseId): Promise<boolean> {
  const rows = await query(
    executor,
    prepared('fence_lease')`UPDATE ingest_claim_batch SET state = 'acked'
        WHERE claim_id = ${lease.claimId} AND attempt = ${lease.attempt} AND state = 'live' RETURNING claim_id`,
  );
  return rows.length === 1;
}

/** Answers true for a claim that this attempt has settled already, and writes nothing then: it is the usual case. */
export async function settleLease(executor: SqlExecutor, lease: LeaseId): Promise<boolean> {
  const rows = await query(
    executor,
    prepared('settle_lease')`WITH settled AS (
          UPDATE ingest_claim_batch SET state = 'acked'
          WHERE claim_id = ${lease.claimId} AND attempt = ${lease.attempt} AND state = 'live' RETURNING claim_id
        )
        SELECT claim_id FROM settled
        UNION ALL
        SELECT claim_id FROM ingest_claim_batch
        WHERE claim_id = ${lease.claimId} AND attempt = ${lease.attempt} AND state = 'acked'`,
  );
  return rows.length === 1;
}

export async function giveLeaseBack(
  executor: SqlExecutor,
  lease: LeaseId,
  delayMs: number,
  cause: string,
  splitRows: number | undefined,
): Promise<boolean> {
  const rows = await query(
    executor,
    sql`UPDATE ingest_claim_batch
        SET state = 'waiting', last_error = ${cause}, split_rows = coalesce(${splitRows ?? null}::integer, split_rows),
            next_attempt_at = clock_timestamp() + ${delayMs} * interval '1 millisecond'
        WHERE claim_id = ${lease.claimId} AND attempt = ${lease.attempt} AND state = 'live' RETURNING claim_id`,
  );
  return rows.length === 1;
}

/** Skips what another process is looking at. */
export async function requeueExpired(executor: SqlExecutor): Promise<number> {
  const rows = await query(
    executor,
    sql`UPDATE ingest_claim_batch SET state = 'waiting', next_attempt_at = clock_timestamp(), last_error = ${LEASE_EXPIRED}
        WHERE claim_id IN (SELECT claim_id FROM ingest_claim_batch
                           WHERE state = 'live' AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED)
        RETURNING claim_id`,
  );
  return rows.length;
}
