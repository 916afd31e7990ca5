import { prepared, query, type Tx } from '../../../database/index.js';
import { CLAIM_IS_HELD, LEASE_EXPIRED } from './lease.js';

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

/** What could be claimed. */
export interface Claimable {
  readonly base: number;
  /** Tokens that a claim from here may have; null where it is not being split. */
  readonly split: number | null;
  /** Oldest first. */
  readonly headers: readonly HeaderRow[];
}

type ClaimableRow = HeaderRow & { readonly base: number; readonly split: number | null };

/**
 * The tenant's watermark, and the headers of at most `limit` batches above it; undefined where the clock is not above
 * it, or a claim is held, without a look at what it holds. The function, in its migration, reads the clock first and the
 * headers in a later statement. Takes no locks.
 */
export async function readClaimable(
  pool: Tx,
  tenantId: string,
  limit: number,
): Promise<Claimable | undefined> {
  const rows = await query<ClaimableRow | (ClaimableRow & { readonly batch_id: null })>(
    pool,
    prepared(
      'claimable',
    )`SELECT base, split, batch_id, table_id, schema_version, first_token, last_token, record_count, skipped_ordinals,
               body_bytes, body_generation, ingested_at
        FROM ingest_claimable(${tenantId}, ${limit})
        WHERE NOT EXISTS (SELECT FROM ingest_claim_batch k WHERE k.tenant_id = ${tenantId} AND ${CLAIM_IS_HELD})`,
  );
  const [first] = rows;
  if (first === undefined) return undefined;
  const { base, split } = first;
  return { base, split, headers: rows.filter((row): row is ClaimableRow => row.batch_id !== null) };
}

export interface LeaseTerms {
  readonly tenantId: string;
  readonly consumer: string;
  readonly base: number;
  readonly leaseMs: number;
  readonly splitRows: number | undefined;
  /** What the claim holds; at least one. */
  readonly parts: readonly BatchPart[];
}

/**
 * Takes the lease on what lies between the base and the last part, and writes down what it holds by table. Locks the
 * claim row; answers nothing where another consumer holds it or its pause is not over. Raises
 * `SQLSTATE.claimHeadMoved`, and changes nothing, where the tenant's watermark is no longer the base.
 */
export async function takeClaim(pool: Tx, terms: LeaseTerms): Promise<ClaimRow | undefined> {
  const { tenantId, consumer, base, leaseMs, splitRows = null, parts } = terms;
  const last = parts.at(-1)?.toToken;
  if (last === undefined) throw new Error('a claim needs a batch');
  const [row] = await query<ClaimRow>(
    pool,
    prepared('take_claim')`SELECT claim_id, base_token, last_token, attempt, last_error
        FROM ingest_take_claim(${tenantId}, ${consumer}, ${base}, ${last}, ${leaseMs}, ${splitRows}, ${LEASE_EXPIRED},
          ${parts.map(({ header }) => header.table_id)}, ${parts.map(({ recordCount }) => recordCount)},
          ${parts.map(({ header }) => header.body_bytes)})`,
  );
  return row;
}

/** The bodies of the given batches, by batch id. */
export async function readBodies(pool: Tx, headers: readonly HeaderRow[]): Promise<Map<number, Buffer>> {
  const rows = await query<{ batch_id: number; body: Buffer }>(
    pool,
    prepared('read_bodies')`SELECT batch_id, body FROM ingest_body
        WHERE generation = ANY (${[...new Set(headers.map((h) => h.body_generation))]}::int[])
          AND batch_id = ANY (${headers.map((h) => h.batch_id)}::bigint[])`,
  );
  return new Map(rows.map((row) => [row.batch_id, row.body]));
}
