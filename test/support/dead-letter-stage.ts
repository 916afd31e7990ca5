import type { Answer, IngestApp } from './ingest-app.js';

export const ORDERS_URL = '/v1/ingest/orders';
export const LETTERS_URL = '/v1/dead-letters';

/** A tenant with a table `orders` of `id` and `extra`, and calls about the records that do not fit it. */
export interface DeadLetterStage {
  readonly id: string;
  /** With on_invalid=quarantine. */
  readonly quarantine: (records: unknown[], headers?: Record<string, string>) => Promise<Answer>;
  readonly send: (body: unknown, query?: string, headers?: Record<string, string>) => Promise<Answer>;
  readonly receipts: (...keys: string[]) => Promise<unknown[]>;
  readonly letters: (query?: string) => Promise<Record<string, unknown>[]>;
  readonly ops: (action: 'replay' | 'discard', ...ids: unknown[]) => Promise<Answer>;
  readonly list: (query?: string) => Promise<Answer>;
  /** As a schema change does it. */
  readonly setType: (column: string, type: string) => Promise<void>;
  readonly drop: () => Promise<Answer>;
  readonly writerKey: string;
}

export async function openDeadLetterStage(app: IngestApp): Promise<DeadLetterStage> {
  const keys = await app.tenant('table_admin', 'ingest_writer', 'ops_admin');
  const { id, table_admin, ingest_writer, ops_admin } = keys;
  const columns = [
    { name: 'id', type: 'long', nullable: false },
    { name: 'extra', type: 'json' },
  ];
  await app.call('POST', '/v1/tables', {
    key: table_admin,
    body: { table_name: 'orders', schema: { columns } },
  });
  const send: DeadLetterStage['send'] = (body, query = '', headers = {}) =>
    app.call('POST', `${ORDERS_URL}${query}`, { key: ingest_writer, body, headers });
  const list = (query = '') => app.call('GET', `${LETTERS_URL}${query}`, { key: ops_admin });
  return {
    id,
    send,
    list,
    writerKey: ingest_writer,
    quarantine: (records, headers) => send({ records, on_invalid: 'quarantine' }, '', headers),
    receipts: async (...wanted) => {
      const body = { keys: wanted };
      return (await app.call('POST', `${ORDERS_URL}/receipts`, { key: ingest_writer, body })).body
        .receipts as unknown[];
    },
    letters: async (query) => (await list(query)).body.dead_letters as Record<string, unknown>[],
    ops: (action, ...ids) => app.call('POST', `${LETTERS_URL}/${action}`, { key: ops_admin, body: { ids } }),
    setType: async (column, type) => {
      await app.database.query(
        `UPDATE table_schema_version v SET schema_json = jsonb_build_object('columns', (
           SELECT jsonb_agg(CASE WHEN c ->> 'name' = $2 THEN jsonb_set(c, '{type}', to_jsonb($3::text)) ELSE c END)
           FROM jsonb_array_elements(schema_json -> 'columns') c))
         FROM table_def d WHERE d.table_id = v.table_id AND d.tenant_id = $1`,
        [id, column, type],
      );
      await app.database.query(
        `UPDATE tenant_clock SET catalog_epoch = catalog_epoch + 1 WHERE tenant_id = $1`,
        [id],
      );
    },
    drop: () => app.call('DELETE', '/v1/tables/orders', { key: table_admin }),
  };
}

export const record = (key: string, id: unknown) => ({ idempotency_key: key, payload: { id } });
export const idsOf = (letters: Record<string, unknown>[]) => letters.map((letter) => letter.dead_letter_id);
