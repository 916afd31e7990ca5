import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Table definitions and their schema versions. */
export class Tables1795000000001 implements MigrationInterface {
  readonly name = 'Tables1795000000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE table_def (
        table_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenant ON DELETE CASCADE,
        table_name text NOT NULL CHECK (table_name ~ '^[a-z][a-z0-9_]{0,62}$'),
        primary_key_cols text[] NOT NULL DEFAULT '{}',
        partition_specs jsonb NOT NULL DEFAULT '[{"spec_id": 0, "fields": []}]',
        partition_spec_id integer NOT NULL DEFAULT 0,
        sort_order jsonb NOT NULL DEFAULT '[]',
        evolution_mode text NOT NULL DEFAULT 'strict' CHECK (evolution_mode IN ('strict', 'evolve')),
        retention jsonb,
        idempotency_window text NOT NULL DEFAULT '24h' CHECK (idempotency_window IN ('1h', '24h', '7d', '30d')),
        schema_version integer NOT NULL CHECK (schema_version > 0),
        last_column_id integer NOT NULL CHECK (last_column_id >= 4),
        created_at timestamptz NOT NULL DEFAULT now(),
        created_snapshot_id bigint,
        dropped_snapshot_id bigint
      )`);
    await runner.query(`
      CREATE UNIQUE INDEX table_def_live_name ON table_def (tenant_id, lower(table_name))
        WHERE dropped_snapshot_id IS NULL`);
    await runner.query(`
      CREATE TABLE table_schema_version (
        table_id bigint NOT NULL REFERENCES table_def ON DELETE CASCADE,
        schema_version integer NOT NULL CHECK (schema_version > 0),
        tenant_id text NOT NULL,
        schema_json jsonb NOT NULL,
        compatibility_mode text NOT NULL DEFAULT 'none'
          CHECK (compatibility_mode IN ('none', 'backward', 'forward', 'full')),
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (table_id, schema_version)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE table_schema_version, table_def`);
  }
}
