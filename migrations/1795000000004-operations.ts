import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Runs of scheduled work and the audit trail. */
export class Operations1795000000004 implements MigrationInterface {
  readonly name = 'Operations1795000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE maintenance_run (
        run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL CHECK (kind IN ('compaction', 'retention', 'gc', 'integrity', 'purge')),
        tenant_id text REFERENCES tenant ON DELETE CASCADE,
        table_id bigint,
        dry_run boolean NOT NULL DEFAULT false,
        requested_by text NOT NULL,
        state text NOT NULL DEFAULT 'queued'
          CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
        attempt integer NOT NULL DEFAULT 0,
        lease_until timestamptz,
        progress jsonb NOT NULL DEFAULT '{}',
        requested_at timestamptz NOT NULL DEFAULT now(),
        started_at timestamptz,
        completed_at timestamptz,
        error text
      )`);
    await runner.query(`
      CREATE INDEX maintenance_run_open ON maintenance_run (requested_at) WHERE state IN ('queued', 'running')`);
    for (const table of ['compaction_run', 'gc_run']) {
      await runner.query(`
        CREATE TABLE ${table} (
          run_id bigint NOT NULL REFERENCES maintenance_run ON DELETE CASCADE,
          tenant_id text NOT NULL REFERENCES tenant ON DELETE CASCADE,
          table_id bigint NOT NULL,
          counters jsonb NOT NULL DEFAULT '{}',
          details jsonb NOT NULL DEFAULT '{}',
          PRIMARY KEY (run_id, tenant_id, table_id)
        )`);
    }
    await runner.query(`
      CREATE TABLE query_audit (
        query_id uuid PRIMARY KEY,
        tenant_id text NOT NULL REFERENCES tenant ON DELETE CASCADE,
        key_id text NOT NULL,
        sql text NOT NULL,
        snapshot_id bigint,
        status text NOT NULL,
        error_code text,
        row_count bigint,
        scanned_files bigint,
        scanned_bytes bigint,
        duration_ms double precision,
        trace_id text NOT NULL,
        started_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`CREATE INDEX query_audit_tenant ON query_audit (tenant_id, started_at)`);
    await runner.query(`
      CREATE TABLE incident_audit (
        incident_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id text REFERENCES tenant ON DELETE CASCADE,
        type text NOT NULL,
        severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
        summary text NOT NULL,
        details jsonb NOT NULL DEFAULT '{}',
        actor text NOT NULL,
        trace_id text,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`CREATE INDEX incident_audit_tenant ON incident_audit (tenant_id, created_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE incident_audit, query_audit, gc_run, compaction_run, maintenance_run`);
  }
}
