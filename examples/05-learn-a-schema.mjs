// Let a table take its schema from its events, and look first at what would be made of a sample.
import { randomUUID } from 'node:crypto';
import { call, show } from './tidemark.mjs';

const first = { clicked_at: '2026-03-01T09:30:00Z', page: '/home', price: 3 };
const later = {
  clicked_at: '2026-03-01T09:31:00Z',
  page: '/cart',
  price: 2.5,
  browser: { name: 'x', version: 9 },
};

const sample = { records: [{ payload: first }] };
const { schema } = await call('POST', '/v1/tables/infer?evolution_mode=evolve', sample);
console.log('Would be made of the first event:');
for (const { name, type } of schema.columns) console.log(`  ${name} ${type}`);

const table_name = `clicks_${randomUUID().slice(0, 8)}`;
await call('POST', '/v1/tables', { table_name, evolution_mode: 'evolve' });
for (const payload of [first, later]) {
  const body = { records: [{ payload }], wait_for_visibility: true, visibility_timeout_ms: 30_000 };
  await call('POST', `/v1/ingest/${table_name}`, body, { headers: { 'Idempotency-Key': randomUUID() } });
}

const learnt = await call('GET', `/v1/tables/${table_name}`);
console.log(`At version ${learnt.schema_version}:`);
for (const { name, type } of learnt.schema.columns) console.log(`  ${name} ${type}`);
await show(`SELECT page, price, browser.version AS version FROM ${table_name} ORDER BY clicked_at`);
