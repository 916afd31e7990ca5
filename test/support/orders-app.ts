import { startIngestApp, type Answer, type IngestApp } from './ingest-app.js';
import { createTestDatabase } from './postgres.js';

export const ORDERS_COLUMNS = [
  { name: 'id', type: 'long', nullable: false },
  { name: 'amount', type: 'decimal(10,2)', default: '0.00', doc: 'gross' },
  { name: 'count', type: 'int' },
];

/** Calls of one tenant's table admin, who has a table `orders`. */
export interface OrdersCalls {
  readonly app: IngestApp;
  readonly tenantId: string;
  readonly key: string;
  readonly create: (tableName: string, more?: object) => Promise<Answer>;
  readonly get: (url: string) => Promise<Answer>;
  readonly alter: (table: string, body: object, headers?: Record<string, string>) => Promise<Answer>;
  /** Of `orders`. */
  readonly change: (...changes: object[]) => Promise<Answer>;
  readonly drop: (table: string) => Promise<Answer>;
  readonly undrop: (table: string, body?: object) => Promise<Answer>;
}

export async function startOrdersApp(): Promise<{
  readonly newTenant: () => Promise<OrdersCalls>;
  readonly close: () => Promise<void>;
}> {
  const database = await createTestDatabase();
  const app = await startIngestApp(database.url);
  return {
    newTenant: async () => {
      const { id, table_admin: key } = await app.tenant('table_admin');
      const calls = callsOf(app, id, key);
      await calls.create('orders');
      return calls;
    },
    close: async () => {
      await app.close();
      await database.drop();
    },
  };
}

function callsOf(app: IngestApp, tenantId: string, key: string): OrdersCalls {
  const alter: OrdersCalls['alter'] = (table, body, headers = {}) =>
    app.call('PATCH', `/v1/tables/${table}`, { key, body, headers });
  return {
    app,
    tenantId,
    key,
    create: (table_name, more = {}) => {
      const body = { table_name, schema: { columns: ORDERS_COLUMNS }, ...more };
      return app.call('POST', '/v1/tables', { key, body });
    },
    get: (url) => app.call('GET', url, { key }),
    alter,
    change: (...changes) => alter('orders', { changes }),
    drop: (table) => app.call('DELETE', `/v1/tables/${table}`, { key }),
    undrop: (table, body) => app.call('POST', `/v1/tables/${table}/undrop`, { key, body }),
  };
}

export const columnsOf = ({ body }: Answer) =>
  (body.schema as { columns: { id: number; name: string; type: string }[] }).columns;
export const namesOf = (answer: Answer) => columnsOf(answer).map(({ name }) => name);
export const problem = (status: number, error_code: string, context: object = {}) => ({
  status,
  body: { error_code, context: expect.objectContaining(context) as object },
});
