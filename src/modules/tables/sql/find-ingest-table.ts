import type { Column } from '../../../kernel/index.js';
import { query, sql, type SqlExecutor } from '../../../database/index.js';
import type { WindowClass } from '../../bus/index.js';
import type { EvolutionMode } from '../table-definition.js';

/** What ingest needs of a table, from one moment. */
export interface IngestTableRow {
  readonly catalog_epoch: number;
  readonly tenant_status: 'active' | 'disabled';
  /** Null where there is no such live table, and so is all below. */
  readonly table_id: number | null;
  readonly idempotency_window: WindowClass;
  readonly evolution_mode: EvolutionMode;
  readonly schema_version: number;
  readonly primary_key_ids: readonly number[];
  readonly columns: readonly Column[];
}

/** One statement, so that the epoch goes with the definition. Takes no locks. */
export async function findIngestTable(
  executor: SqlExecutor,
  tenantId: string,
  tableName: string,
): Promise<IngestTableRow | undefined> {
  const rows = await query<IngestTableRow>(
    executor,
    sql`SELECT c.catalog_epoch, t.status AS tenant_status, d.table_id, d.idempotency_window, d.evolution_mode,
               d.schema_version, d.primary_key_ids, v.schema_json -> 'columns' AS columns
        FROM tenant_clock c
        JOIN tenant t USING (tenant_id)
        LEFT JOIN table_def d
          ON d.tenant_id = c.tenant_id AND lower(d.table_name) = ${tableName} AND d.dropped_snapshot_id IS NULL
        LEFT JOIN table_schema_version v USING (table_id, schema_version)
        WHERE c.tenant_id = ${tenantId}`,
  );
  return rows[0];
}
