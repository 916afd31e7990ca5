import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The way to the oldest dead letters: a purge looks at none that is too young to go. */
export class DeadLettersByAge1796000000780 implements MigrationInterface {
  readonly name = 'DeadLettersByAge1796000000780';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX dead_letter_age ON dead_letter (failed_at, dead_letter_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX dead_letter_age`);
  }
}
