/** A row for every table of the catalog, with no more than the constraints ask for. */
export const CATALOG_ROWS = `
INSERT INTO tenant (tenant_id, name) VALUES ('acme', 'Acme');
INSERT INTO tenant_quota (tenant_id, requests_per_second) VALUES ('acme', 5);
INSERT INTO api_key (key_id, tenant_id, name, key_hash, roles)
  VALUES ('k', 'acme', 'a key', sha256('k'), '{ops_admin}');
INSERT INTO tenant_clock (tenant_id, last_token) VALUES ('acme', 1);
INSERT INTO snapshot (tenant_id, operation, max_visibility_token, sequence_number, publication_id, created_at, created_by)
  VALUES ('acme', 'schema', 0, 0, gen_random_uuid(), now(), 'test');
INSERT INTO snapshot
    (tenant_id, parent_snapshot_id, operation, max_visibility_token, sequence_number, publication_id, created_at, created_by)
  SELECT 'acme', snapshot_id, 'append', 1, 1, gen_random_uuid(), now(), 'test' FROM snapshot;
INSERT INTO tenant_head (tenant_id, snapshot_id, published_token, last_sequence_number)
  SELECT 'acme', max(snapshot_id), 1, 1 FROM snapshot;
INSERT INTO table_def (tenant_id, table_name, schema_version, last_column_id) VALUES ('acme', 'events', 1, 5);
INSERT INTO table_schema_version (table_id, schema_version, tenant_id, schema_json)
  SELECT table_id, 1, 'acme', '{"columns": []}' FROM table_def;
INSERT INTO ingest_event
    (batch_id, table_id, ordinal, record_count, generation, stored_key, content_hash, kind, op, window_class)
  SELECT 1, table_id, 0, 1, 1, gen_random_uuid(), gen_random_uuid(), 'r', 'i', '24h' FROM table_def;
INSERT INTO ingest_batch
    (batch_id, tenant_id, table_id, schema_version, first_token, last_token, record_count, body_bytes, body_generation,
     ingested_at, generation, window_class)
  SELECT 1, 'acme', table_id, 1, 1, 1, 1, 1, 1, now(), 1, '24h' FROM table_def;
INSERT INTO ingest_body (batch_id, generation, body) VALUES (1, 1, '\\x00');
INSERT INTO ingest_claim_batch (tenant_id, consumer, base_token, last_token, lease_until)
  VALUES ('acme', 'test', 0, 1, now());
INSERT INTO ingest_claim_item (claim_id, table_id, events, bytes)
  SELECT claim_id, table_id, 1, 1 FROM ingest_claim_batch, table_def;
INSERT INTO dead_letter (tenant_id, table_id, token, idempotency_key, payload, op, reason)
  SELECT 'acme', table_id, 1, '\\x00', '\\x00', 'insert', 'a reason' FROM table_def;
INSERT INTO data_file
    (tenant_id, table_id, path, schema_version, record_count, file_size_bytes, sha256, sequence_number,
     min_visibility_token, max_visibility_token, state)
  SELECT 'acme', table_id, 'acme/1/a.parquet', 1, 1, 1, sha256('f'), 1, 1, 1, 'live' FROM table_def;
INSERT INTO file_span (file_id, table_id, added_snapshot_id)
  SELECT file_id, table_id, snapshot_id FROM data_file, tenant_head;
INSERT INTO snapshot_file (snapshot_id, file_id, table_id, change)
  SELECT snapshot_id, file_id, table_id, 'add' FROM data_file, tenant_head;
INSERT INTO snapshot_table_watermark (snapshot_id, table_id, table_name, max_visibility_token, schema_version)
  SELECT snapshot_id, table_id, 'events', 1, 1 FROM table_def, tenant_head;
INSERT INTO snapshot_pin (tenant_id, name, snapshot_id, created_by)
  SELECT 'acme', 'a pin', snapshot_id, 'test' FROM tenant_head;
INSERT INTO maintenance_run (kind, tenant_id, requested_by) VALUES ('gc', 'acme', 'test');
INSERT INTO compaction_run (run_id, tenant_id, table_id) SELECT run_id, 'acme', table_def.table_id FROM maintenance_run, table_def;
INSERT INTO gc_run (run_id, tenant_id, table_id) SELECT run_id, 'acme', table_def.table_id FROM maintenance_run, table_def;
INSERT INTO query_audit (query_id, tenant_id, key_id, sql, status, trace_id)
  VALUES (gen_random_uuid(), 'acme', 'k', 'SELECT 1', 'succeeded', 't');
INSERT INTO incident_audit (tenant_id, type, severity, summary, actor) VALUES ('acme', 'test', 'info', 'a test', 'test');
`;
