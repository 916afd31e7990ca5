import { query, sql, type SqlExecutor } from '../../../database/index.js';
import type { WindowClass } from '../../bus/index.js';

export interface NamedTableRow {
  readonly table_id: number;
  readonly table_name: string;
  readonly idempotency_window: WindowClass;
}

/** Tables of the name, dropped ones too: the live one first, then the youngest. Takes no locks. */
export async function findTablesNamed(
  executor: SqlExecutor,
  tenantId: string,
  tableName: string,
  limit: number,
): Promise<NamedTableRow[]> {
  return query<NamedTableRow>(
    executor,
    sql`SELECT table_id, table_name, idempotency_window FROM table_def
        WHERE tenant_id = ${tenantId} AND lower(table_name) = ${tableName}
        ORDER BY dropped_snapshot_id IS NOT NULL, table_id DESC LIMIT ${limit}`,
  );
}

/** Names of a tenant's tables, dropped ones too. Takes no locks. */
export async function findTableNames(
  executor: SqlExecutor,
  tenantId: string,
  tableIds: readonly number[],
): Promise<NamedTableRow[]> {
  return query<NamedTableRow>(
    executor,
    sql`SELECT table_id, table_name, idempotency_window FROM table_def
        WHERE tenant_id = ${tenantId} AND table_id = ANY (${tableIds}::bigint[])`,
  );
}
