import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Files that hold rows of several partitions. They have no partition values, and compaction takes them apart. */
export class MixedPartitions1796000000720 implements MigrationInterface {
  readonly name = 'MixedPartitions1796000000720';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE data_file
        ADD COLUMN mixed_partitions boolean NOT NULL DEFAULT false,
        ADD CONSTRAINT data_file_mixed CHECK (NOT mixed_partitions OR (spec_id > 0 AND partition_values = '{}'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE data_file DROP COLUMN mixed_partitions`);
  }
}
