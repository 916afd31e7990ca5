// Write many events: NDJSON, compressed, with one key for the whole request. Needs Node 22.15 or newer for zstd.
import { randomUUID } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { call, createTable, show } from './tidemark.mjs';

await createTable('readings', [
  { name: 'batch', type: 'string', nullable: false },
  { name: 'sensor', type: 'int', nullable: false },
  { name: 'celsius', type: 'double' },
  { name: 'read_at', type: 'timestamptz' },
]);

const batch = randomUUID();
const start = Date.parse('2026-03-01T00:00:00Z');
const lines = Array.from({ length: 10_000 }, (_, i) => {
  const read_at = new Date(start + i * 1000).toISOString();
  return JSON.stringify({ payload: { batch, sensor: i % 8, celsius: 20 + (i % 100) / 10, read_at } });
});
const body = zstdCompressSync(lines.join('\n'));

const receipt = await call('POST', '/v1/ingest/readings', body, {
  headers: { 'Content-Type': 'application/x-ndjson', 'Content-Encoding': 'zstd', 'Idempotency-Key': batch },
});
console.log('accepted', receipt.accepted_count, 'records in', body.length, 'bytes');

await show(
  `SELECT sensor, count(*) AS readings, max(celsius) AS warmest
FROM readings WHERE batch = $batch GROUP BY sensor ORDER BY sensor`,
  { params: { batch }, min_visibility_token: receipt.max_visibility_token },
);
