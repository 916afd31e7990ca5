import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Tables that come back after a drop: whether a snapshot has a table is told by the last of its rows in
 * `snapshot_table_watermark`, and no longer by one interval in `table_def`. Schema versions know where they came from.
 */
export class SchemaEvolution1796000000600 implements MigrationInterface {
  readonly name = 'SchemaEvolution1796000000600';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE snapshot_table_watermark ADD COLUMN dropped boolean NOT NULL DEFAULT false`,
    );
    await runner.query(`
      INSERT INTO snapshot_table_watermark
        (snapshot_id, table_id, table_name, max_visibility_token, schema_version, dropped)
      SELECT s.snapshot_id, d.table_id, d.table_name, s.max_visibility_token, d.schema_version, true
      FROM table_def d JOIN snapshot s ON s.snapshot_id = d.dropped_snapshot_id
      ON CONFLICT (table_id, snapshot_id) DO NOTHING`);
    await runner.query(`
      CREATE INDEX table_def_dropped_name ON table_def (tenant_id, lower(table_name), dropped_snapshot_id)
        WHERE dropped_snapshot_id IS NOT NULL`);
    await runner.query(
      `ALTER TABLE table_schema_version ADD COLUMN created_snapshot_id bigint, ADD COLUMN created_by text`,
    );
    await runner.query(`
      UPDATE table_schema_version v SET created_snapshot_id = (
        SELECT min(snapshot_id) FROM snapshot_table_watermark w
        WHERE w.table_id = v.table_id AND w.schema_version = v.schema_version)`);
  }

  /** Snapshots between a drop and its undrop show the table again afterwards. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE table_schema_version DROP COLUMN created_snapshot_id, DROP COLUMN created_by`,
    );
    await runner.query(`DROP INDEX table_def_dropped_name`);
    await runner.query(`DELETE FROM snapshot_table_watermark WHERE dropped`);
    await runner.query(`ALTER TABLE snapshot_table_watermark DROP COLUMN dropped`);
  }
}
