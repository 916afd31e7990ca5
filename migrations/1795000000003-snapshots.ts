import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The snapshot chain of each tenant and the files that its snapshots hold. */
export class Snapshots1795000000003 implements MigrationInterface {
  readonly name = 'Snapshots1795000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE snapshot (
        snapshot_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenant ON DELETE CASCADE,
        parent_snapshot_id bigint REFERENCES snapshot,
        operation text NOT NULL CHECK (operation IN ('append', 'compact', 'delete', 'restore', 'schema')),
        max_visibility_token bigint NOT NULL,
        sequence_number bigint NOT NULL,
        publication_id uuid NOT NULL UNIQUE,
        created_at timestamptz(3) NOT NULL,
        expired_at timestamptz,
        created_by text NOT NULL,
        summary jsonb NOT NULL DEFAULT '{}',
        UNIQUE (tenant_id, sequence_number),
        CHECK (parent_snapshot_id < snapshot_id)
      )`);
    // One chain: a snapshot has at most one child, a tenant at most one root.
    await runner.query(`CREATE UNIQUE INDEX snapshot_parent ON snapshot (parent_snapshot_id)`);
    await runner.query(
      `CREATE UNIQUE INDEX snapshot_root ON snapshot (tenant_id) WHERE parent_snapshot_id IS NULL`,
    );
    await runner.query(`CREATE INDEX snapshot_tenant ON snapshot (tenant_id, snapshot_id)`);
    await runner.query(`CREATE INDEX snapshot_time ON snapshot (tenant_id, created_at)`);
    await runner.query(`
      CREATE TABLE snapshot_table_watermark (
        snapshot_id bigint NOT NULL REFERENCES snapshot ON DELETE CASCADE,
        table_id bigint NOT NULL,
        table_name text NOT NULL,
        max_visibility_token bigint NOT NULL,
        schema_version integer NOT NULL,
        PRIMARY KEY (table_id, snapshot_id)
      )`);
    await runner.query(`
      CREATE TABLE data_file (
        file_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenant ON DELETE CASCADE,
        table_id bigint NOT NULL,
        claim_id bigint,
        path text NOT NULL UNIQUE,
        content text NOT NULL DEFAULT 'data' CHECK (content IN ('data', 'deletes')),
        format text NOT NULL DEFAULT 'parquet' CHECK (format = 'parquet'),
        schema_version integer NOT NULL,
        spec_id integer NOT NULL DEFAULT 0,
        equality_field_ids integer[] NOT NULL DEFAULT '{}',
        record_count bigint NOT NULL,
        file_size_bytes bigint NOT NULL,
        sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
        sequence_number bigint,
        min_visibility_token bigint NOT NULL,
        max_visibility_token bigint NOT NULL,
        min_event_time timestamptz,
        max_event_time timestamptz,
        partition_values jsonb NOT NULL DEFAULT '{}',
        column_stats jsonb NOT NULL DEFAULT '{}',
        state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'live', 'removed', 'deleting')),
        created_at timestamptz NOT NULL DEFAULT now(),
        CHECK (state <> 'live' OR sequence_number IS NOT NULL)
      )`);
    await runner.query(`CREATE INDEX data_file_pending ON data_file (created_at) WHERE state = 'pending'`);
    await runner.query(`CREATE INDEX data_file_table ON data_file (table_id, max_visibility_token)`);
    await runner.query(`
      CREATE TABLE file_span (
        span_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        file_id bigint NOT NULL REFERENCES data_file ON DELETE CASCADE,
        table_id bigint NOT NULL,
        added_snapshot_id bigint NOT NULL REFERENCES snapshot,
        removed_snapshot_id bigint REFERENCES snapshot,
        CHECK (removed_snapshot_id > added_snapshot_id)
      )`);
    await runner.query(`CREATE INDEX file_span_file ON file_span (file_id)`);
    await runner.query(`
      CREATE UNIQUE INDEX file_span_live ON file_span (table_id, file_id) WHERE removed_snapshot_id IS NULL`);
    // Time travel. An open span ends at infinity; GiST needs no extension for int8range alone.
    await runner.query(`
      CREATE INDEX file_span_history ON file_span
        USING gist (int8range(added_snapshot_id, removed_snapshot_id))`);
    await runner.query(`
      CREATE TABLE snapshot_file (
        snapshot_id bigint NOT NULL REFERENCES snapshot ON DELETE CASCADE,
        file_id bigint NOT NULL REFERENCES data_file ON DELETE CASCADE,
        table_id bigint NOT NULL,
        change text NOT NULL CHECK (change IN ('add', 'remove')),
        PRIMARY KEY (snapshot_id, file_id)
      )`);
    await runner.query(`
      CREATE TABLE snapshot_pin (
        tenant_id text NOT NULL REFERENCES tenant ON DELETE CASCADE,
        name text NOT NULL,
        snapshot_id bigint NOT NULL REFERENCES snapshot,
        expires_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL,
        PRIMARY KEY (tenant_id, name)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      `DROP TABLE snapshot_pin, snapshot_file, file_span, data_file, snapshot_table_watermark, snapshot`,
    );
  }
}
