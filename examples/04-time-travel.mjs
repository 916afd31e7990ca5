// Ask a question of the past: a snapshot never changes.
import { randomUUID } from 'node:crypto';
import { call, createTable, show } from './tidemark.mjs';

await createTable('stock', [
  { name: 'shelf', type: 'string', nullable: false },
  { name: 'change', type: 'int', nullable: false },
]);

const shelf = randomUUID();
async function write(change) {
  const records = [{ payload: { shelf, change } }];
  const body = { records, wait_for_visibility: true, visibility_timeout_ms: 30_000 };
  const { visible_snapshot_id } = await call('POST', '/v1/ingest/stock', body, {
    headers: { 'Idempotency-Key': randomUUID() },
    expected: [200],
  });
  return visible_snapshot_id;
}

const sql = 'SELECT sum(change) AS stock FROM stock WHERE shelf = $shelf';
const params = { shelf };

const then = await write(10);
await write(-3);
console.log('Now:');
await show(sql, { params });

console.log(`In snapshot ${then}:`);
await show(sql, { params, snapshot_id: then });

const { created_at } = await call('GET', `/v1/snapshots/${then}`);
console.log(`At ${created_at}:`);
await show(sql, { params, snapshot_time: created_at });
