import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A claim in two calls: what could be claimed, then the lease on it. */
export class ClaimsInTwoCalls1796000000750 implements MigrationInterface {
  readonly name = 'ClaimsInTwoCalls1796000000750';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CLAIMABLE);
    await runner.query(TAKE_CLAIM);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION ingest_take_claim`);
    await runner.query(`DROP FUNCTION ingest_claimable`);
  }
}

/**
 * The tenant's watermark and clock, the bound of a split, and the batch headers in (watermark, clock], oldest first, at
 * most p_limit: a row each. The bound is that of the last claim from this watermark, or twice that of the claim that was
 * published up to it. One row without a batch where there is none, no row where the clock is not above the watermark.
 *
 * The headers are read by a later statement than the clock, hence in a later snapshot: only then is every batch at or
 * below the clock in sight. Takes no locks. One plan serves every call: planning over all leaves took longer than reading.
 */
const CLAIMABLE = `
CREATE FUNCTION ingest_claimable(p_tenant text, p_limit integer)
RETURNS TABLE (base bigint, clock bigint, split bigint, batch_id bigint, table_id bigint, schema_version integer,
               first_token bigint, last_token bigint, record_count integer, skipped_ordinals integer[],
               body_bytes integer, body_generation integer, ingested_at timestamptz)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_base bigint;
  v_clock bigint;
  v_split bigint;
BEGIN
  SELECT h.published_token, c.last_token,
         (SELECT CASE WHEN k.state <> 'acked' AND k.base_token = h.published_token THEN k.split_rows::bigint
                      WHEN k.state = 'acked' AND k.last_token = h.published_token THEN k.split_rows::bigint * 2 END
          FROM ingest_claim_batch k WHERE k.tenant_id = h.tenant_id AND k.split_rows IS NOT NULL
          ORDER BY k.claim_id DESC LIMIT 1)
  INTO v_base, v_clock, v_split
  FROM tenant_head h JOIN tenant_clock c USING (tenant_id) WHERE h.tenant_id = p_tenant;
  IF NOT FOUND OR v_clock <= v_base THEN
    RETURN;
  END IF;

  RETURN QUERY
    SELECT v_base, v_clock, v_split, b.batch_id, b.table_id, b.schema_version, b.first_token, b.last_token,
           b.record_count, b.skipped_ordinals, b.body_bytes, b.body_generation, b.ingested_at
    FROM ingest_batch b
    WHERE b.tenant_id = p_tenant AND b.last_token > v_base AND b.last_token <= v_clock
    ORDER BY b.last_token LIMIT p_limit;
  IF NOT FOUND THEN
    RETURN QUERY SELECT v_base, v_clock, v_split, NULL::bigint, NULL::bigint, NULL::integer, NULL::bigint, NULL::bigint,
                        NULL::integer, NULL::integer[], NULL::integer, NULL::integer, NULL::timestamptz;
  END IF;
END $$`;

/**
 * Takes the lease on (p_base, p_last], where nobody holds one: a new claim, or the tenant's open one with its attempts
 * counted on (attempts of a claim are never counted back: they are its fence), and writes what it holds by table, in
 * place of what an earlier attempt held. p_tables, p_events and p_bytes go together. No row where another consumer
 * holds the claim or its pause is not over.
 *
 * Once the lease is taken nobody else can publish for the tenant. Somebody may have since p_base was read: then it
 * raises TM004, and nothing is changed. Locks the claim row.
 */
const TAKE_CLAIM = `
CREATE FUNCTION ingest_take_claim(
  p_tenant text, p_consumer text, p_base bigint, p_last bigint, p_lease_ms float8, p_split integer, p_expired text,
  p_tables bigint[], p_events bigint[], p_bytes bigint[]
) RETURNS TABLE (claim_id bigint, base_token bigint, last_token bigint, attempt integer, last_error text)
LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
  v_claim record;
BEGIN
  INSERT INTO ingest_claim_batch AS c (tenant_id, consumer, base_token, last_token, lease_until, split_rows)
  VALUES (p_tenant, p_consumer, p_base, p_last, clock_timestamp() + p_lease_ms * interval '1 millisecond', p_split)
  ON CONFLICT (tenant_id) WHERE state <> 'acked' DO UPDATE
    SET consumer = excluded.consumer, base_token = excluded.base_token, last_token = excluded.last_token,
        lease_until = excluded.lease_until, claimed_at = clock_timestamp(), state = 'live',
        next_attempt_at = NULL, attempt = c.attempt + 1,
        last_error = CASE WHEN c.state = 'live' THEN p_expired ELSE c.last_error END,
        split_rows = CASE WHEN c.base_token = excluded.base_token THEN c.split_rows ELSE excluded.split_rows END
    WHERE (c.state = 'live' AND c.lease_until < clock_timestamp())
       OR (c.state = 'waiting' AND c.next_attempt_at <= clock_timestamp())
  RETURNING c.claim_id, c.base_token, c.last_token, c.attempt, c.last_error INTO v_claim;
  IF NOT FOUND THEN
    RETURN;
  END IF;

  IF NOT EXISTS (SELECT FROM tenant_head h WHERE h.tenant_id = p_tenant AND h.published_token = p_base) THEN
    RAISE EXCEPTION 'the head has moved' USING ERRCODE = 'TM004';
  END IF;

  IF v_claim.attempt > 1 THEN
    DELETE FROM ingest_claim_item i WHERE i.claim_id = v_claim.claim_id;
  END IF;
  INSERT INTO ingest_claim_item (claim_id, table_id, events, bytes)
  SELECT v_claim.claim_id, i.table_id, sum(i.events), sum(i.bytes)
  FROM unnest(p_tables, p_events, p_bytes) AS i (table_id, events, bytes) GROUP BY i.table_id;

  RETURN QUERY SELECT v_claim.claim_id, v_claim.base_token, v_claim.last_token, v_claim.attempt, v_claim.last_error;
END $$`;
