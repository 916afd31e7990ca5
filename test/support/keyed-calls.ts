import { type Column, expectOk } from './service-client.js';
import type { TestTenant } from './service.js';

interface TableAnswer {
  readonly schema_version: number;
  readonly primary_key_cols: readonly string[];
  readonly schema: { readonly columns: readonly Column[] };
}

export type Op = 'insert' | 'upsert' | 'delete';

let sent = 0;

export const record = (op: Op, payload: object) => ({ idempotency_key: `k-${(sent += 1)}`, op, payload });
export const upsert = (payload: object) => record('upsert', payload);
export const erase = (payload: object) => record('delete', payload);

/** Calls of tables with a primary key, for the tenant of the test that runs. */
export function keyedCalls(tenantOf: () => TestTenant) {
  /** Accepts the records in one request. */
  const accept = async (table: string, ...records: object[]) =>
    expectOk(await tenantOf().writer.ingest(table, { records }));

  /** As `accept`, and waits until they are visible. Answers the snapshot that shows them. */
  async function publish(table: string, ...records: object[]): Promise<number> {
    const answer = expectOk(
      await tenantOf().writer.ingest(table, {
        records,
        wait_for_visibility: true,
        visibility_timeout_ms: 60_000,
      }),
    );
    expect(answer.status).toBe('visible');
    return answer.visible_snapshot_id ?? 0;
  }

  const create = (name: string, key: readonly string[], columns: readonly object[], more: object = {}) =>
    tenantOf().tableAdmin.post<TableAnswer>('/v1/tables', {
      table_name: name,
      primary_key_cols: key,
      schema: { columns },
      ...more,
    });
  const alter = (table: string, ...changes: object[]) =>
    tenantOf().tableAdmin.patch<TableAnswer>(`/v1/tables/${table}`, { changes });
  const rows = (sql: string, more: Record<string, unknown> = {}) => tenantOf().reader.rows(sql, more);
  return { accept, publish, create, alter, rows };
}
