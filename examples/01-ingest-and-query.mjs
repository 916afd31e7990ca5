// Write events, and read them back at once.
import { randomUUID } from 'node:crypto';
import { call, createTable, show } from './tidemark.mjs';

await createTable('visits', [
  { name: 'page', type: 'string', nullable: false },
  { name: 'seconds', type: 'double' },
  { name: 'visit', type: 'uuid', nullable: false },
]);

// Every record has a key of its own, under which it is kept once.
const visit = randomUUID();
const records = [
  { idempotency_key: `${visit}/1`, payload: { page: '/home', seconds: 4.5, visit } },
  { idempotency_key: `${visit}/2`, payload: { page: '/prices', seconds: 31.2, visit } },
];
const receipt = await call('POST', '/v1/ingest/visits', { records });
console.log('accepted', receipt.accepted_count, 'up to token', receipt.max_visibility_token);

// A query that names the token of a write sees that write: it waits for it where it must.
await show('SELECT page, seconds FROM visits WHERE visit = $visit ORDER BY seconds', {
  params: { visit },
  min_visibility_token: receipt.max_visibility_token,
});
