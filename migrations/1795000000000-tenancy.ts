import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tenants, their quotas and API keys, and the two rows that order a tenant's writes: its clock and its head. */
export class Tenancy1795000000000 implements MigrationInterface {
  readonly name = 'Tenancy1795000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE tenant (
        tenant_id text PRIMARY KEY CHECK (tenant_id ~ '^[a-z][a-z0-9-]{0,62}$'),
        name text NOT NULL,
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE tenant_quota (
        tenant_id text PRIMARY KEY REFERENCES tenant ON DELETE CASCADE,
        requests_per_second integer CHECK (requests_per_second > 0),
        records_per_second integer CHECK (records_per_second > 0),
        bytes_per_second bigint CHECK (bytes_per_second > 0),
        pending_events bigint CHECK (pending_events > 0),
        concurrent_queries integer CHECK (concurrent_queries > 0),
        query_seconds_per_hour bigint CHECK (query_seconds_per_hour > 0),
        scanned_bytes_per_hour bigint CHECK (scanned_bytes_per_hour > 0)
      )`);
    await runner.query(`
      CREATE TABLE api_key (
        key_id text PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenant ON DELETE CASCADE,
        name text NOT NULL,
        key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
        roles text[] NOT NULL
          CHECK (roles <@ ARRAY['ingest_writer', 'query_reader', 'table_admin', 'ops_admin'] AND cardinality(roles) > 0),
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz
      )`);
    await runner.query(`CREATE INDEX api_key_tenant ON api_key (tenant_id, created_at)`);
    // Two hot rows a tenant: room on the page keeps their updates from touching an index.
    await runner.query(`
      CREATE TABLE tenant_clock (
        tenant_id text PRIMARY KEY REFERENCES tenant ON DELETE CASCADE,
        last_token bigint NOT NULL DEFAULT 0 CHECK (last_token BETWEEN 0 AND 9007199254740991),
        catalog_epoch bigint NOT NULL DEFAULT 0
      ) WITH (fillfactor = 10)`);
    await runner.query(`
      CREATE TABLE tenant_head (
        tenant_id text PRIMARY KEY REFERENCES tenant ON DELETE CASCADE,
        snapshot_id bigint NOT NULL,
        published_token bigint NOT NULL DEFAULT 0,
        last_sequence_number bigint NOT NULL DEFAULT 0,
        restore_epoch bigint NOT NULL DEFAULT 0
      ) WITH (fillfactor = 10)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE tenant_head, tenant_clock, api_key, tenant_quota, tenant`);
  }
}
