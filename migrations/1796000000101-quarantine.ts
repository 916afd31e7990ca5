import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Records that are dead on arrival: refused by their table's schema, and kept all the same. */
export class Quarantine1796000000101 implements MigrationInterface {
  readonly name = 'Quarantine1796000000101';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(INGEST_GROUP_WITH_DEAD);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION ingest_group_with_dead`);
  }
}

/**
 * `ingest_group` with dead letters for some of the ordinals that have no line. The same lock order and SQLSTATEs; the
 * rows of dead letters are new, so nobody can hold them. Batches of p_dead_batches are 1-based indices.
 */
const INGEST_GROUP_WITH_DEAD = `
CREATE FUNCTION ingest_group_with_dead(
  p_tenant text, p_epoch bigint, p_class text,
  p_keys uuid[], p_hashes uuid[], p_marks integer[], p_ordinals integer[], p_counts integer[],
  p_batch_ids bigint[], p_tables bigint[], p_versions integer[], p_records integer[], p_skipped text[],
  p_body_bytes integer[], p_bodies bytea,
  p_dead_batches integer[], p_dead_ordinals integer[], p_dead_keys bytea[], p_dead_payloads bytea[],
  p_dead_ops text[], p_dead_reasons text[]
) RETURNS TABLE (base_token bigint, ingested_at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
  SELECT g.base_token, g.ingested_at INTO base_token, ingested_at
  FROM ingest_group(p_tenant, p_epoch, p_class, p_keys, p_hashes, p_marks, p_ordinals, p_counts, p_batch_ids, p_tables,
                    p_versions, p_records, p_skipped, p_body_bytes, p_bodies) g;
  INSERT INTO dead_letter (tenant_id, table_id, token, idempotency_key, payload, op, reason, failed_at)
  SELECT p_tenant, p_tables[d.batch],
         ingest_group_with_dead.base_token + 1 + d.ordinal
           + coalesce((SELECT sum(r) FROM unnest(p_records[:d.batch - 1]) r), 0),
         d.key, d.payload, d.op, d.reason, ingest_group_with_dead.ingested_at
  FROM unnest(p_dead_batches, p_dead_ordinals, p_dead_keys, p_dead_payloads, p_dead_ops, p_dead_reasons)
    AS d (batch, ordinal, key, payload, op, reason);
  RETURN NEXT;
END $$`;
