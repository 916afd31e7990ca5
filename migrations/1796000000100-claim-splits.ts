import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What splitting a range and listing its dead letters looks up. */
export class ClaimSplits1796000000100 implements MigrationInterface {
  readonly name = 'ClaimSplits1796000000100';

  async up(runner: QueryRunner): Promise<void> {
    // Nearly empty: only claims that were split have a row in it.
    await runner.query(`
      CREATE INDEX ingest_claim_batch_split ON ingest_claim_batch (tenant_id, claim_id DESC)
        WHERE split_rows IS NOT NULL`);
    await runner.query(`CREATE INDEX dead_letter_tenant ON dead_letter (tenant_id, dead_letter_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX dead_letter_tenant, ingest_claim_batch_split`);
  }
}
