// A client that does not know whether its write arrived sends it again, under the same key.
import { randomUUID } from 'node:crypto';
import { call, createTable, show } from './tidemark.mjs';

await createTable('payments', [
  { name: 'payment', type: 'string', nullable: false },
  { name: 'amount', type: 'decimal(18,2)', nullable: false },
]);

const payment = randomUUID();
const write = (amount, expected) =>
  call(
    'POST',
    '/v1/ingest/payments',
    { records: [{ idempotency_key: payment, payload: { payment, amount } }] },
    { expected },
  );

const first = await write('99.90', [202]);
console.log('first:', first.accepted_count, 'accepted, token', first.max_visibility_token);

// As after a timeout: it is known, and the answer names the token of the first time.
const again = await write('99.90', [202]);
console.log('again:', again.duplicate_count, 'duplicate, token', again.max_visibility_token);

// The same key with other content is a mistake, and is refused.
const other = await write('10.00', [409]);
console.log('other content:', other.error_code);

await show('SELECT count(*) AS payments, sum(amount) AS amount FROM payments WHERE payment = $payment', {
  params: { payment },
  min_visibility_token: again.max_visibility_token,
});

// Later, a receipt tells what became of it.
const receipt = await call('GET', `/v1/ingest/payments/receipts?key=${payment}`);
console.log('receipt:', receipt.state, 'since snapshot', receipt.snapshot_id);
