import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables that take their schema from their first events: until then they are at version 0, which has no columns. */
export class TablesWithoutSchema1796000000730 implements MigrationInterface {
  readonly name = 'TablesWithoutSchema1796000000730';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE table_def DROP CONSTRAINT table_def_schema_version_check,
        ADD CONSTRAINT table_def_schema_version_check CHECK (schema_version >= 0)`);
    await runner.query(`
      ALTER TABLE table_schema_version DROP CONSTRAINT table_schema_version_schema_version_check,
        ADD CONSTRAINT table_schema_version_schema_version_check CHECK (schema_version >= 0)`);
  }

  /** Rows of version 0 stay, and can only be dropped with their tables. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE table_def DROP CONSTRAINT table_def_schema_version_check,
        ADD CONSTRAINT table_def_schema_version_check CHECK (schema_version > 0) NOT VALID`);
    await runner.query(`
      ALTER TABLE table_schema_version DROP CONSTRAINT table_schema_version_schema_version_check,
        ADD CONSTRAINT table_schema_version_schema_version_check CHECK (schema_version > 0) NOT VALID`);
  }
}
