import { randomUUID } from 'node:crypto';

/** The table of the benchmarks: events of about 280 bytes as JSON. */
export const EVENT_COLUMNS = [
  { name: 'id', type: 'long' },
  { name: 'customer', type: 'string' },
  { name: 'amount', type: 'decimal(18,2)' },
  { name: 'currency', type: 'string' },
  { name: 'paid', type: 'boolean' },
  { name: 'created', type: 'timestamptz' },
  { name: 'ref', type: 'uuid' },
  { name: 'note', type: 'string' },
] as const;

const REF = randomUUID();

export function payload(i: number): Record<string, unknown> {
  return {
    id: i,
    customer: `customer-${i % 997}`,
    amount: (i % 10_000) / 4,
    currency: i % 3 === 0 ? 'EUR' : 'USD',
    paid: i % 2 === 0,
    created: `2026-09-${String(1 + (i % 28)).padStart(2, '0')}T12:00:00Z`,
    ref: REF,
    note: `a note of the kind that people write, number ${i}`,
  };
}

export type KeyKind = 'counting' | 'random' | 'request';

/** A request body of `count` events from `first` on. With a request key the records have no keys of their own. */
export function requestBody(first: number, count: number, kind: KeyKind): string {
  const records = Array.from({ length: count }, (_, n) => {
    const i = first + n;
    const key = kind === 'counting' ? `order-${String(i).padStart(12, '0')}` : randomUUID();
    return { ...(kind !== 'request' && { idempotency_key: key }), payload: payload(i) };
  });
  return JSON.stringify({ records });
}
