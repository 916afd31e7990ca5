import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rotation and dropping as one call each, so that a client can never stop while it holds a lock that ingest needs. */
export class LedgerLife1796000000400 implements MigrationInterface {
  readonly name = 'LedgerLife1796000000400';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(ROTATE);
    await runner.query(LEAF_IN_USE);
    await runner.query(DROP_LEAF);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION ingest_drop_leaf, ingest_leaf_in_use, ingest_rotate`);
  }
}

/**
 * Raises the number of a class from p_from, under its advisory lock: no ingest of the class is under way then, so that
 * every batch of a generation below the current one is committed. Answers false where another call has done it.
 */
const ROTATE = `
CREATE FUNCTION ingest_rotate(p_class text, p_from integer, p_lock_timeout_ms integer) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('lock_timeout', p_lock_timeout_ms::text, true);
  PERFORM pg_advisory_xact_lock(1413698373, ingest_lock_key(p_class));
  UPDATE ingest_generation SET number = number + 1, rotated_at = clock_timestamp()
  WHERE class = p_class AND number = p_from;
  RETURN FOUND;
END $$`;

/**
 * Whether a leaf is still needed: a ledger leaf while its generation is looked at; a leaf of headers also while it holds
 * a batch above its tenant's head; a leaf of bodies while its generation is the current one, or while the oldest batch
 * above the head of some tenant is of it or of an older one (generations of bodies grow with a tenant's tokens).
 */
const LEAF_IN_USE = `
CREATE FUNCTION ingest_leaf_in_use(p_class text, p_parent text, p_generation integer) RETURNS boolean
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
DECLARE
  v_number integer;
  v_in_use boolean;
BEGIN
  -- A statement of its own: the later ones see every batch of the generations below this number.
  SELECT number INTO STRICT v_number FROM ingest_generation WHERE class = p_class;
  IF p_class = 'body' THEN
    RETURN p_generation >= v_number OR EXISTS (
      SELECT FROM tenant_clock c
      JOIN tenant_head h USING (tenant_id)
      CROSS JOIN LATERAL (
        SELECT b.body_generation FROM ingest_batch b
        WHERE b.tenant_id = c.tenant_id AND b.last_token > h.published_token
        ORDER BY b.last_token LIMIT 1
      ) oldest
      WHERE c.last_token > h.published_token AND oldest.body_generation <= p_generation);
  END IF;
  IF p_generation >= v_number - 1 THEN RETURN true; END IF;
  IF p_parent NOT LIKE 'ingest_batch%' THEN RETURN false; END IF;
  EXECUTE format(
    'SELECT EXISTS (
       SELECT FROM tenant_clock c
       JOIN tenant_head h USING (tenant_id)
       CROSS JOIN LATERAL (
         SELECT FROM %I b WHERE b.tenant_id = c.tenant_id AND b.last_token > h.published_token LIMIT 1
       ) pending
       WHERE c.last_token > h.published_token)', p_parent || '_' || p_generation) INTO v_in_use;
  RETURN v_in_use;
END $$`;

/**
 * Drops one leaf where it is not in use. Answers dropped, gone (by another), in_use, busy (another is dropping one of
 * the class) or locked (somebody reads it, or ingest is slow: try again).
 *
 * The drop waits for the parent exclusively, and everybody else behind it, for p_lock_timeout_ms at most. A vacuum of
 * the leaf would make that wait futile, so it is looked for first, with a lock that holds nobody up.
 */
const DROP_LEAF = `
CREATE FUNCTION ingest_drop_leaf(p_class text, p_parent text, p_generation integer, p_lock_timeout_ms integer)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_leaf text := p_parent || '_' || p_generation;
BEGIN
  IF NOT pg_try_advisory_xact_lock(1413698373, 200 + ingest_lock_key(p_class)) THEN RETURN 'busy'; END IF;
  IF to_regclass(quote_ident(v_leaf)) IS NULL THEN RETURN 'gone'; END IF;
  IF ingest_leaf_in_use(p_class, p_parent, p_generation) THEN RETURN 'in_use'; END IF;
  PERFORM set_config('lock_timeout', p_lock_timeout_ms::text, true);
  EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE NOWAIT', v_leaf);
  EXECUTE format('DROP TABLE %I', v_leaf);
  RETURN 'dropped';
EXCEPTION WHEN lock_not_available THEN
  RETURN 'locked';
END $$`;
