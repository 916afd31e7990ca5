import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rows that steady load updates, and how they are kept from growing. */
const STORAGE: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  // One row a tenant, updated with every group commit or publication: a vacuum of a few pages, often.
  tenant_clock: { autovacuum_vacuum_scale_factor: 0, autovacuum_vacuum_threshold: 1000 },
  tenant_head: { autovacuum_vacuum_scale_factor: 0, autovacuum_vacuum_threshold: 1000 },
  // Read by every ingest: five rows on a page of their own, whose updates touch no index.
  ingest_generation: { fillfactor: 10, autovacuum_vacuum_scale_factor: 0, autovacuum_vacuum_threshold: 50 },
  // last_used_at, once a minute and key.
  api_key: { fillfactor: 50, autovacuum_vacuum_scale_factor: 0.05, autovacuum_vacuum_threshold: 1000 },
  // A row a commit, updated by its extensions and once by its end: a fifth of a day's rows is too late.
  ingest_claim_batch: {
    fillfactor: 80,
    autovacuum_vacuum_scale_factor: 0.02,
    autovacuum_vacuum_threshold: 1000,
  },
  ingest_claim_item: { autovacuum_vacuum_scale_factor: 0.02, autovacuum_vacuum_threshold: 1000 },
  // A dead row for each file, from its turn from pending to live.
  data_file: { autovacuum_vacuum_scale_factor: 0.02, autovacuum_vacuum_threshold: 1000 },
};

/** Storage parameters for rows that are updated under steady load, and the way to the claims that are purged. */
export class SteadyLoad1796000000401 implements MigrationInterface {
  readonly name = 'SteadyLoad1796000000401';

  async up(runner: QueryRunner): Promise<void> {
    for (const [table, parameters] of Object.entries(STORAGE)) {
      const list = Object.entries(parameters).map(([name, value]) => `${name} = ${value}`);
      await runner.query(`ALTER TABLE ${table} SET (${list.join(', ')})`);
    }
    await runner.query(`
      CREATE INDEX ingest_claim_batch_acked ON ingest_claim_batch (claimed_at) WHERE state = 'acked'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX ingest_claim_batch_acked`);
    for (const [table, parameters] of Object.entries(STORAGE)) {
      await runner.query(`ALTER TABLE ${table} RESET (${Object.keys(parameters).join(', ')})`);
    }
  }
}
