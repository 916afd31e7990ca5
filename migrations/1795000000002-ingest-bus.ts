import type { MigrationInterface, QueryRunner } from 'typeorm';

const WINDOW_CLASSES = ['1h', '24h', '7d', '30d'];

/**
 * The ingest bus: ledger, batch headers and bodies, each partitioned by generation, and the claims.
 * There are no foreign keys here: they would cost a look-up an event and tie the leaves that are dropped.
 */
export class IngestBus1795000000002 implements MigrationInterface {
  readonly name = 'IngestBus1795000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE ingest_generation (
        class text PRIMARY KEY CHECK (class IN ('1h', '24h', '7d', '30d', 'body')),
        number integer NOT NULL DEFAULT 1,
        rotated_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE ingest_event (
        batch_id bigint NOT NULL,
        table_id bigint NOT NULL,
        ordinal integer NOT NULL,
        record_count integer NOT NULL,
        generation integer NOT NULL,
        stored_key uuid NOT NULL,
        content_hash uuid NOT NULL,
        kind "char" NOT NULL,
        op "char" NOT NULL,
        window_class text NOT NULL
      ) PARTITION BY LIST (window_class)`);
    await runner.query(`
      CREATE TABLE ingest_batch (
        batch_id bigint NOT NULL,
        tenant_id text NOT NULL,
        table_id bigint NOT NULL,
        schema_version integer NOT NULL,
        first_token bigint NOT NULL,
        last_token bigint NOT NULL,
        record_count integer NOT NULL,
        skipped_ordinals integer[] NOT NULL DEFAULT '{}',
        body_bytes integer NOT NULL,
        body_generation integer NOT NULL,
        ingested_at timestamptz NOT NULL,
        generation integer NOT NULL,
        window_class text NOT NULL
      ) PARTITION BY LIST (window_class)`);
    await runner.query(`
      CREATE TABLE ingest_body (
        batch_id bigint NOT NULL,
        generation integer NOT NULL,
        body bytea NOT NULL
      ) PARTITION BY LIST (generation)`);
    // Bodies are compressed already.
    await runner.query(`ALTER TABLE ingest_body ALTER COLUMN body SET STORAGE EXTERNAL`);
    await runner.query(`CREATE SEQUENCE ingest_batch_id AS bigint INCREMENT BY 1000`);
    for (const windowClass of WINDOW_CLASSES) {
      for (const parent of ['ingest_event', 'ingest_batch']) {
        await runner.query(`
          CREATE TABLE ${parent}_${windowClass} PARTITION OF ${parent} FOR VALUES IN ('${windowClass}')
            PARTITION BY LIST (generation)`);
      }
    }
    await runner.query(LOCK_KEY);
    await runner.query(CREATE_LEAVES);
    for (const generation of [0, 1, 2]) {
      for (const className of [...WINDOW_CLASSES, 'body']) {
        await runner.query(`SELECT ingest_create_leaves('${className}', ${generation})`);
      }
    }
    await runner.query(`
      INSERT INTO ingest_generation (class) SELECT unnest('{1h,24h,7d,30d,body}'::text[])`);
    await runner.query(INGEST_GROUP);
    await runner.query(INGEST_FIND);
    await runner.query(`
      CREATE TABLE ingest_claim_batch (
        claim_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id text NOT NULL,
        consumer text NOT NULL,
        base_token bigint NOT NULL,
        last_token bigint NOT NULL,
        attempt integer NOT NULL DEFAULT 1,
        split_rows integer,
        next_attempt_at timestamptz,
        last_error text,
        claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        lease_until timestamptz NOT NULL,
        state text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'waiting', 'acked')),
        CHECK (last_token > base_token)
      )`);
    await runner.query(`
      CREATE UNIQUE INDEX ingest_claim_batch_live ON ingest_claim_batch (tenant_id) WHERE state <> 'acked'`);
    await runner.query(`
      CREATE TABLE ingest_claim_item (
        claim_id bigint NOT NULL REFERENCES ingest_claim_batch ON DELETE CASCADE,
        table_id bigint NOT NULL,
        events bigint NOT NULL,
        bytes bigint NOT NULL,
        PRIMARY KEY (claim_id, table_id)
      )`);
    await runner.query(`
      CREATE TABLE dead_letter (
        dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenant ON DELETE CASCADE,
        table_id bigint NOT NULL,
        token bigint NOT NULL,
        idempotency_key bytea NOT NULL,
        payload bytea NOT NULL,
        op text NOT NULL CHECK (op IN ('insert', 'upsert', 'delete')),
        reason text NOT NULL,
        failed_at timestamptz NOT NULL DEFAULT now(),
        resolution text CHECK (resolution IN ('replayed', 'discarded')),
        replayed_token bigint,
        UNIQUE (tenant_id, token)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE dead_letter, ingest_claim_item, ingest_claim_batch`);
    await runner.query(`DROP FUNCTION ingest_find`);
    await runner.query(`DROP FUNCTION ingest_group`);
    await runner.query(`DROP FUNCTION ingest_create_leaves`);
    await runner.query(`DROP FUNCTION ingest_lock_key`);
    await runner.query(`DROP SEQUENCE ingest_batch_id`);
    await runner.query(`DROP TABLE ingest_body, ingest_batch, ingest_event, ingest_generation`);
  }
}

/** Makes the leaf partitions of one generation. Safe to repeat. Attaching does not hold up inserts; creating would. */
const CREATE_LEAVES = `
CREATE FUNCTION ingest_create_leaves(p_class text, p_generation integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_parents text[] := CASE p_class WHEN 'body' THEN ARRAY['ingest_body']
                      ELSE ARRAY['ingest_event_' || p_class, 'ingest_batch_' || p_class] END;
  v_parent text;
  v_leaf text;
BEGIN
  PERFORM pg_advisory_xact_lock(1413698373, 100 + ingest_lock_key(p_class));
  FOREACH v_parent IN ARRAY v_parents LOOP
    v_leaf := v_parent || '_' || p_generation;
    CONTINUE WHEN to_regclass(quote_ident(v_leaf)) IS NOT NULL;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING STORAGE INCLUDING DEFAULTS)', v_leaf, v_parent);
    IF v_parent LIKE 'ingest_event%' THEN
      EXECUTE format('CREATE UNIQUE INDEX %I ON %I (stored_key)', v_leaf || '_key', v_leaf);
    ELSE
      EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (batch_id)', v_leaf);
    END IF;
    IF v_parent LIKE 'ingest_batch%' THEN
      EXECUTE format('CREATE INDEX %I ON %I (tenant_id, last_token)', v_leaf || '_token', v_leaf);
    END IF;
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%s)', v_parent, v_leaf, p_generation);
  END LOOP;
END $$`;

/** The second half of the advisory lock (1413698373, this) that guards a class's generation number. */
const LOCK_KEY = `
CREATE FUNCTION ingest_lock_key(p_class text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE p_class WHEN '1h' THEN 1 WHEN '24h' THEN 2 WHEN '7d' THEN 3 WHEN '30d' THEN 4 WHEN 'body' THEN 5 END
$$`;

/**
 * One group commit of one tenant and window class: ledger rows, clock, batch headers and bodies, or nothing.
 * Answers the token before the group's first and the time of ingestion.
 *
 * Lock order: generations (advisory, shared), ledger keys in key order, clock.
 * Raises TM001 where a key is in the ledger already, TM002 where one is in the older generation,
 * TM003 where the tenant's catalog epoch is not p_epoch.
 *
 * Arrays of the same length go together: p_keys, p_hashes, p_marks, p_ordinals, p_counts; p_batch_ids, p_tables,
 * p_versions, p_records (ordinals taken), p_skipped (ordinals without a line, as array literals) and p_body_bytes, which
 * cuts p_bodies up. A mark has the row's batch (1-based index) above its lowest 16 bits, then the letters of its kind
 * and op, 8 bits each.
 *
 * The insert runs into the unique key where another would skip: that costs a quarter less than ON CONFLICT DO NOTHING
 * with a count of the rows, and a group that meets a repeat is rolled back in both cases.
 */
const INGEST_GROUP = `
CREATE FUNCTION ingest_group(
  p_tenant text, p_epoch bigint, p_class text,
  p_keys uuid[], p_hashes uuid[], p_marks integer[], p_ordinals integer[], p_counts integer[],
  p_batch_ids bigint[], p_tables bigint[], p_versions integer[], p_records integer[], p_skipped text[],
  p_body_bytes integer[], p_bodies bytea
) RETURNS TABLE (base_token bigint, ingested_at timestamptz) LANGUAGE plpgsql
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_generation integer;
  v_body_generation integer;
  v_base bigint;
  v_now timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1413698373, ingest_lock_key(p_class));
  PERFORM pg_advisory_xact_lock_shared(1413698373, ingest_lock_key('body'));
  SELECT number INTO v_generation FROM ingest_generation WHERE class = p_class;
  SELECT number INTO v_body_generation FROM ingest_generation WHERE class = 'body';

  IF EXISTS (
    SELECT FROM ingest_event e
    WHERE e.window_class = p_class AND e.generation = v_generation - 1 AND e.stored_key = ANY (p_keys)
  ) THEN
    RAISE EXCEPTION 'a key is in the older generation' USING ERRCODE = 'TM002';
  END IF;

  BEGIN
    INSERT INTO ingest_event
      (batch_id, table_id, ordinal, record_count, generation, stored_key, content_hash, kind, op, window_class)
    SELECT p_batch_ids[k.mark >> 16], p_tables[k.mark >> 16], k.ordinal, k.records, v_generation, k.stored_key,
           k.content_hash, ((k.mark >> 8) & 255)::"char", (k.mark & 255)::"char", p_class
    FROM unnest(p_keys, p_hashes, p_marks, p_ordinals, p_counts) AS k (stored_key, content_hash, mark, ordinal, records)
    ORDER BY k.stored_key;
  EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'a key is in the ledger' USING ERRCODE = 'TM001';
  END;

  UPDATE tenant_clock c SET last_token = c.last_token + (SELECT sum(r) FROM unnest(p_records) r)
  WHERE c.tenant_id = p_tenant AND c.catalog_epoch = p_epoch
  RETURNING c.last_token - (SELECT sum(r) FROM unnest(p_records) r) INTO v_base;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the catalog epoch has changed' USING ERRCODE = 'TM003';
  END IF;
  v_now := clock_timestamp();

  INSERT INTO ingest_batch
    (batch_id, tenant_id, table_id, schema_version, first_token, last_token, record_count, skipped_ordinals,
     body_bytes, body_generation, ingested_at, generation, window_class)
  SELECT b.batch_id, p_tenant, b.table_id, b.version,
         v_base + 1 + sum(b.records) OVER w - b.records, v_base + sum(b.records) OVER w,
         b.records - cardinality(b.skipped::integer[]), b.skipped::integer[],
         b.bytes, v_body_generation, v_now, v_generation, p_class
  FROM unnest(p_batch_ids, p_tables, p_versions, p_records, p_skipped, p_body_bytes)
    WITH ORDINALITY AS b (batch_id, table_id, version, records, skipped, bytes, n)
  WINDOW w AS (ORDER BY b.n);

  INSERT INTO ingest_body (batch_id, generation, body)
  SELECT b.batch_id, v_body_generation,
         substr(p_bodies, (1 + sum(b.bytes) OVER w - b.bytes)::integer, b.bytes)
  FROM unnest(p_batch_ids, p_body_bytes) WITH ORDINALITY AS b (batch_id, bytes, n)
  WINDOW w AS (ORDER BY b.n);

  RETURN QUERY SELECT v_base, v_now;
END $$`;

/**
 * The rows of the given keys in both generations of their window, with their tokens, as of the caller's snapshot.
 * One plan serves any number of keys: left alone, the planner thinks long about thousands of them, and then reads the
 * whole ledger or compiles.
 */
const INGEST_FIND = `
CREATE FUNCTION ingest_find(p_class text, p_keys uuid[])
RETURNS TABLE (stored_key uuid, content_hash uuid, batch_id bigint, record_count integer, token bigint)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
DECLARE
  v_newest integer := (SELECT number FROM ingest_generation WHERE class = p_class);
  v_generation integer;
BEGIN
  FOREACH v_generation IN ARRAY ARRAY[v_newest, v_newest - 1] LOOP
    RETURN QUERY
      SELECT e.stored_key, e.content_hash, e.batch_id, e.record_count, b.first_token + e.ordinal
      FROM ingest_event e
      JOIN ingest_batch b ON b.window_class = p_class AND b.generation = v_generation AND b.batch_id = e.batch_id
      WHERE e.window_class = p_class AND e.generation = v_generation AND e.stored_key = ANY (p_keys);
  END LOOP;
END $$`;
