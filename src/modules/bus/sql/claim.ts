import { query, sql, type Tx } from '../../../database/index.js';
import { LEASE_EXPIRED } from './lease.js';

export interface ClaimRow {
  readonly claim_id: number;
  readonly base_token: number;
  readonly last_token: number;
  readonly attempt: number;
  readonly last_error: string | null;
}

/** What a claim holds of a batch. */
export interface BatchPart {
  readonly header: HeaderRow;
  readonly fromToken: number;
  readonly toToken: number;
  readonly recordCount: number;
}

export interface HeaderRow {
  readonly batch_id: number;
  readonly table_id: number;
  readonly schema_version: number;
  readonly first_token: number;
  readonly last_token: number;
  readonly record_count: number;
  readonly skipped_ordinals: readonly number[];
  readonly body_bytes: number;
  readonly body_generation: number;
  readonly ingested_at: Date;
}

export interface RangeRow {
  readonly base: number;
  readonly clock: number;
  /** Tokens that a claim from here may have; null where it is not being split. */
  readonly split: number | null;
}

/**
 * The tenant's watermark and clock, in one statement, and the bound of a split: that of the last claim from this base,
 * or twice that of the claim that was published up to it. Takes no locks.
 */
export async function readRange(tx: Tx, tenantId: string): Promise<RangeRow | undefined> {
  const rows = await query<RangeRow>(
    tx,
    sql`SELECT h.published_token AS base, c.last_token AS clock,
               (SELECT CASE WHEN k.state <> 'acked' AND k.base_token = h.published_token THEN k.split_rows::bigint
                            WHEN k.state = 'acked' AND k.last_token = h.published_token THEN k.split_rows::bigint * 2 END
                FROM ingest_claim_batch k WHERE k.tenant_id = h.tenant_id AND k.split_rows IS NOT NULL
                ORDER BY k.claim_id DESC LIMIT 1) AS split
        FROM tenant_head h JOIN tenant_clock c USING (tenant_id) WHERE h.tenant_id = ${tenantId}`,
  );
  return rows[0];
}

/**
 * Batch headers in (base, clock], oldest first, at most `limit`. Run it after `readRange`, in a later statement:
 * only then is every batch at or below the clock that was read in sight.
 */
export async function readHeaders(
  tx: Tx,
  tenantId: string,
  range: { base: number; clock: number },
  limit: number,
): Promise<HeaderRow[]> {
  return query<HeaderRow>(
    tx,
    sql`SELECT batch_id, table_id, schema_version, first_token, last_token, record_count, skipped_ordinals,
               body_bytes, body_generation, ingested_at
        FROM ingest_batch
        WHERE tenant_id = ${tenantId} AND last_token > ${range.base} AND last_token <= ${range.clock}
        ORDER BY last_token LIMIT ${limit}`,
  );
}

/**
 * Takes the lease on (base, last], where nobody holds one: a new claim, or the tenant's open one with its attempts
 * counted on (attempts of a claim are never counted back: they are its fence). Locks the claim row; answers nothing
 * where another consumer holds it or its pause is not over.
 */
export async function takeLease(
  tx: Tx,
  lease: {
    tenantId: string;
    consumer: string;
    base: number;
    last: number;
    leaseMs: number;
    splitRows: number | undefined;
  },
): Promise<ClaimRow | undefined> {
  const { tenantId, consumer, base, last, leaseMs, splitRows = null } = lease;
  const until = sql`clock_timestamp() + ${leaseMs} * interval '1 millisecond'`;
  const [row] = await query<ClaimRow>(
    tx,
    sql`INSERT INTO ingest_claim_batch AS c (tenant_id, consumer, base_token, last_token, lease_until, split_rows)
        VALUES (${tenantId}, ${consumer}, ${base}, ${last}, ${until}, ${splitRows})
        ON CONFLICT (tenant_id) WHERE state <> 'acked' DO UPDATE
          SET consumer = excluded.consumer, base_token = excluded.base_token, last_token = excluded.last_token,
              lease_until = excluded.lease_until, claimed_at = clock_timestamp(), state = 'live',
              next_attempt_at = NULL, attempt = c.attempt + 1,
              last_error = CASE WHEN c.state = 'live' THEN ${LEASE_EXPIRED} ELSE c.last_error END,
              split_rows = CASE WHEN c.base_token = excluded.base_token THEN c.split_rows
                                ELSE excluded.split_rows END
          WHERE (c.state = 'live' AND c.lease_until < clock_timestamp())
             OR (c.state = 'waiting' AND c.next_attempt_at <= clock_timestamp())
        RETURNING claim_id, base_token, last_token, attempt, last_error`,
  );
  return row;
}

/** What the claim holds by table, in place of what an earlier attempt held. */
export async function writeClaimItems(
  tx: Tx,
  { claim_id: claimId, attempt }: ClaimRow,
  parts: readonly BatchPart[],
): Promise<void> {
  if (attempt > 1) await tx.query(`DELETE FROM ingest_claim_item WHERE claim_id = $1`, [claimId]);
  await tx.query(
    `INSERT INTO ingest_claim_item (claim_id, table_id, events, bytes)
     SELECT $1, table_id, sum(events), sum(bytes)
     FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS i (table_id, events, bytes) GROUP BY table_id`,
    [
      claimId,
      parts.map(({ header }) => header.table_id),
      parts.map(({ recordCount }) => recordCount),
      parts.map(({ header }) => header.body_bytes),
    ],
  );
}

/** The bodies of the given batches, by batch id. */
export async function readBodies(pool: Tx, headers: readonly HeaderRow[]): Promise<Map<number, Buffer>> {
  const rows = await query<{ batch_id: number; body: Buffer }>(
    pool,
    sql`SELECT batch_id, body FROM ingest_body
        WHERE generation = ANY (${[...new Set(headers.map((h) => h.body_generation))]}::int[])
          AND batch_id = ANY (${headers.map((h) => h.batch_id)}::bigint[])`,
  );
  return new Map(rows.map((row) => [row.batch_id, row.body]));
}
