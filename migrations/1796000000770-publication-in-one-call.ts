import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a publication does to the catalog, as one call. */
export class PublicationInOneCall1796000000770 implements MigrationInterface {
  readonly name = 'PublicationInOneCall1796000000770';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(PUBLISH_APPEND);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP FUNCTION publish_append`);
  }
}

/**
 * Publishes the range (p_base, p_last] of a tenant and answers the snapshot's id: locks the head, compares its token
 * with p_base, inserts the snapshot, makes the pending files live and writes the watermarks of the tables. Raises TM005,
 * with the reason, where it must not be. p_tables, p_max_tokens and p_events go together (a table each), p_files and
 * p_file_tables do (a file each). Files of tables that are dropped, or not known, end here and their events are counted
 * as discarded. p_summary has what the caller knows.
 *
 * Each statement has a snapshot of its own: tables are read under the head's lock, which schema changes take first.
 * Lock order: head, data files by id. The caller fences the claim after it, in the same transaction.
 */
const PUBLISH_APPEND = `
CREATE FUNCTION publish_append(
  p_tenant text, p_publication uuid, p_base bigint, p_last bigint, p_by text, p_summary jsonb,
  p_tables bigint[], p_max_tokens bigint[], p_events bigint[], p_files bigint[], p_file_tables bigint[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
  v_head record;
  v_kept bigint[];
  v_files bigint[];
  v_discarded bigint;
  v_data_files bigint;
  v_delete_files bigint;
  v_unwritten bigint;
  v_snapshot bigint;
  v_added bigint;
BEGIN
  SELECT h.snapshot_id, h.published_token, h.last_sequence_number + 1 AS sequence_number INTO STRICT v_head
  FROM tenant_head h WHERE h.tenant_id = p_tenant FOR UPDATE;
  IF v_head.published_token <> p_base THEN
    RAISE EXCEPTION 'the head is at token % and the range begins after %', v_head.published_token, p_base
      USING ERRCODE = 'TM005';
  END IF;

  v_kept := ARRAY(SELECT d.table_id FROM table_def d
                  WHERE d.table_id = ANY (p_tables) AND d.dropped_snapshot_id IS NULL);
  v_files := ARRAY(SELECT f.file_id FROM unnest(p_files, p_file_tables) f (file_id, table_id)
                   WHERE f.table_id = ANY (v_kept));
  SELECT min(t.table_id) FILTER (WHERE t.events > 0 AND t.table_id = ANY (v_kept) AND t.table_id <> ALL (p_file_tables)),
         coalesce(sum(t.events) FILTER (WHERE t.table_id <> ALL (v_kept)), 0)
  INTO v_unwritten, v_discarded
  FROM unnest(p_tables, p_events) t (table_id, events);
  IF v_unwritten IS NOT NULL THEN
    RAISE EXCEPTION 'nothing was written for table %', v_unwritten USING ERRCODE = 'TM005';
  END IF;
  IF cardinality(v_files) < cardinality(p_files) THEN
    UPDATE data_file SET state = 'removed'
    WHERE state = 'pending' AND file_id IN (
      SELECT d.file_id FROM data_file d
      WHERE d.file_id = ANY (p_files) AND d.file_id <> ALL (v_files) ORDER BY d.file_id FOR UPDATE);
  END IF;

  SELECT count(*) FILTER (WHERE d.content = 'data'), count(*) FILTER (WHERE d.content = 'deletes')
  INTO v_data_files, v_delete_files
  FROM data_file d WHERE d.file_id = ANY (v_files);
  INSERT INTO snapshot (tenant_id, parent_snapshot_id, operation, max_visibility_token, sequence_number,
                        publication_id, created_at, created_by, summary)
  SELECT p.tenant_id, p.snapshot_id, 'append', p_last, v_head.sequence_number, p_publication,
         greatest(clock_timestamp(), p.created_at + interval '1 millisecond'), p_by,
         p_summary || jsonb_build_object('added_files', v_data_files, 'discarded_events', v_discarded)
           || CASE WHEN v_delete_files > 0 THEN jsonb_build_object('added_delete_files', v_delete_files) ELSE '{}' END
  FROM snapshot p WHERE p.snapshot_id = v_head.snapshot_id
  RETURNING snapshot_id INTO STRICT v_snapshot;
  UPDATE tenant_head SET snapshot_id = v_snapshot, published_token = p_last,
                         last_sequence_number = v_head.sequence_number
  WHERE tenant_id = p_tenant;

  WITH live AS (
    UPDATE data_file SET state = 'live', sequence_number = v_head.sequence_number
    WHERE state = 'pending' AND file_id IN (
      SELECT d.file_id FROM data_file d WHERE d.file_id = ANY (v_files) ORDER BY d.file_id FOR UPDATE)
    RETURNING file_id, table_id
  ), span AS (
    INSERT INTO file_span (file_id, table_id, added_snapshot_id) SELECT file_id, table_id, v_snapshot FROM live
  ), change AS (
    INSERT INTO snapshot_file (snapshot_id, file_id, table_id, change)
    SELECT v_snapshot, file_id, table_id, 'add' FROM live
  )
  SELECT count(*) FROM live INTO v_added;
  IF v_added <> cardinality(v_files) THEN
    RAISE EXCEPTION '% files were written and % are still pending', cardinality(v_files), v_added
      USING ERRCODE = 'TM005';
  END IF;

  INSERT INTO snapshot_table_watermark (snapshot_id, table_id, table_name, max_visibility_token, schema_version)
  SELECT v_snapshot, d.table_id, d.table_name, t.max_token, d.schema_version
  FROM unnest(p_tables, p_max_tokens) t (table_id, max_token) JOIN table_def d USING (table_id)
  WHERE d.table_id = ANY (v_kept);
  RETURN v_snapshot;
END $$`;
