import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Ways to the dead letters that nobody has looked after, and to those that a replay led to. */
export class DeadLetterLife1796000000740 implements MigrationInterface {
  readonly name = 'DeadLetterLife1796000000740';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX dead_letter_open ON dead_letter (failed_at) WHERE resolution IS NULL`);
    await runner.query(`
      CREATE INDEX dead_letter_replayed ON dead_letter (tenant_id, replayed_token) WHERE replayed_token IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX dead_letter_open, dead_letter_replayed`);
  }
}
