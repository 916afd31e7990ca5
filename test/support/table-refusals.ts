import { expectRefusal, type Refusal } from './refusal.js';
import { TestService, type TestTenant } from './service.js';
import { expectOk, type Answer } from './service-client.js';

/** The table that is changed. */
export const ORDERS = {
  table_name: 'orders',
  primary_key_cols: ['id'],
  partition_spec: [{ column: 'at', transform: 'day' }],
  sort_order: [{ column: 'count' }],
  schema: {
    columns: [
      { name: 'id', type: 'long' },
      { name: 'at', type: 'timestamptz' },
      { name: 'count', type: 'long' },
      { name: 'price', type: 'decimal(10,2)', default: '0.00' },
      { name: 'ratio', type: 'double' },
      { name: 'note', type: 'string' },
      { name: 'address', type: 'struct<zip: string not null, city: string>' },
    ],
  },
};

type Send = (tenant: TestTenant) => Promise<Answer<unknown>>;

/** What is sent in what words, and how it is refused. */
export type TableRefusals = Record<string, [string, Send, Refusal][]>;

/** Tests that each call is refused with its code, its column and what would be allowed, and that nothing is done. */
export function testRefusals(groups: TableRefusals): void {
  let service: TestService;
  let tenant: TestTenant;

  beforeAll(async () => {
    service = await TestService.start();
    tenant = await service.createTenant();
    expectOk(await tenant.tableAdmin.post('/v1/tables', ORDERS));
  });

  afterAll(() => service.dispose());

  const catalog = async () => [
    expectOk(await tenant.tableAdmin.get('/v1/tables')),
    expectOk(await tenant.tableAdmin.get('/v1/tables/orders/schemas')),
    expectOk(await tenant.reader.get('/v1/snapshots?limit=1')),
  ];

  describe.each(Object.entries(groups))('%s', (_, cases) => {
    it.each(cases)('%s is refused, and nothing is done', async (_name, send, refusal) => {
      const before = await catalog();
      expectRefusal(await send(tenant), refusal);
      expect(await catalog()).toEqual(before);
    });
  });
}

export const create =
  (columns: object[], more: object = {}): Send =>
  ({ tableAdmin }) =>
    tableAdmin.post('/v1/tables', { table_name: 'wrong', schema: { columns }, ...more });
export const patch =
  (body: object, headers: Record<string, string> = {}): Send =>
  ({ tableAdmin }) =>
    tableAdmin.patch('/v1/tables/orders', body, headers);
export const change = (...changes: object[]) => patch({ changes });
export const add = (name: string, type = 'int', more: object = {}) =>
  change({ op: 'add_column', column: { name, type, ...more } });
export const rename = (from: string, to: string) => change({ op: 'rename_column', from, to });
export const retype = (name: string, type: string) => change({ op: 'change_type', name, type });

export const says = (text: string) => expect.stringContaining(text) as unknown;
export const among = (...items: string[]) => expect.arrayContaining(items) as unknown;
export const refusedAs = (place: Record<string, unknown>): Refusal => ({
  status: 400,
  code: 'REQUEST_INVALID',
  place,
});
export const incompatible = (place: Record<string, unknown>): Refusal => ({
  status: 409,
  code: 'SCHEMA_INCOMPATIBLE',
  place,
  context: { table: 'orders' },
});
