import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The primary key by field ids: a renamed column stays in it, and old snapshots find it under its name of that time. */
export class KeyedTables1796000000710 implements MigrationInterface {
  readonly name = 'KeyedTables1796000000710';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE table_def ADD COLUMN primary_key_ids integer[] NOT NULL DEFAULT '{}'`);
    await runner.query(`
      UPDATE table_def d SET primary_key_ids = (
        SELECT array_agg((c ->> 'id')::integer ORDER BY k.place)
        FROM unnest(d.primary_key_cols) WITH ORDINALITY k (name, place)
        JOIN table_schema_version v ON v.table_id = d.table_id AND v.schema_version = d.schema_version
        CROSS JOIN jsonb_array_elements(v.schema_json -> 'columns') c
        WHERE c ->> 'name' = k.name)
      WHERE d.primary_key_cols <> '{}'`);
    await runner.query(`ALTER TABLE table_def DROP COLUMN primary_key_cols`);
    await runner.query(`
      ALTER TABLE data_file ADD CONSTRAINT data_file_deletes
        CHECK (CASE content WHEN 'deletes' THEN equality_field_ids <> '{}' AND spec_id = 0
                            ELSE equality_field_ids = '{}' END)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE data_file DROP CONSTRAINT data_file_deletes`);
    await runner.query(`ALTER TABLE table_def ADD COLUMN primary_key_cols text[] NOT NULL DEFAULT '{}'`);
    await runner.query(`
      UPDATE table_def d SET primary_key_cols = (
        SELECT array_agg(c ->> 'name' ORDER BY k.place)
        FROM unnest(d.primary_key_ids) WITH ORDINALITY k (id, place)
        JOIN table_schema_version v ON v.table_id = d.table_id AND v.schema_version = d.schema_version
        CROSS JOIN jsonb_array_elements(v.schema_json -> 'columns') c
        WHERE (c ->> 'id')::integer = k.id)
      WHERE d.primary_key_ids <> '{}'`);
    await runner.query(`ALTER TABLE table_def DROP COLUMN primary_key_ids`);
  }
}
