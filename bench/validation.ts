import { randomUUID } from 'node:crypto';
import type { Column } from '../src/kernel/index.js';
import { CanonicalWriter, contentHash } from '../src/modules/ingest/canonical-form.js';
import { prepareRecords } from '../src/modules/ingest/prepared-records.js';
import { readBody } from '../src/modules/ingest/sent-body.js';
import { RecordValidator } from '../src/modules/tables/index.js';

/** What a request of 500 events costs before it goes to the bus, in microseconds an event. Best of several rounds. */
const EVENTS = 500;
const ROUNDS = 7;
const REQUESTS_PER_ROUND = 40;

const COLUMNS: readonly Column[] = [
  { id: 5, name: 'id', type: 'long', nullable: false },
  { id: 6, name: 'customer', type: 'string', nullable: false },
  { id: 7, name: 'amount', type: 'decimal(18,4)', nullable: false },
  { id: 8, name: 'currency', type: 'string', nullable: true, default: 'EUR' },
  { id: 9, name: 'paid', type: 'boolean', nullable: true },
  { id: 10, name: 'created', type: 'timestamptz', nullable: false },
  { id: 11, name: 'ref', type: 'uuid', nullable: true },
  { id: 12, name: 'note', type: 'string', nullable: true },
];

function event(i: number, id: string) {
  return {
    idempotency_key: `order-${1_000_000 + i}`,
    event_time: '2026-09-01T12:00:00.123Z',
    payload: {
      id: 0,
      customer: `customer-${i % 97}`,
      amount: ((i * 37) % 10_000) / 100,
      currency: 'EUR',
      paid: i % 2 === 0,
      created: '2026-09-01T12:00:00Z',
      ref: randomUUID(),
      note: 'a short note with some text in it',
    },
    id,
  };
}

/** `idDigits` is how long the `id` of each event is; from 16 digits on a double may lose some. */
function bodies(idDigits: number): { json: Buffer; ndjson: Buffer } {
  const texts = Array.from({ length: EVENTS }, (_, i) => {
    const { id, ...sent } = event(i, String(i).padStart(idDigits - 1, '0'));
    return JSON.stringify(sent).replace('"id":0', `"id":1${id}`);
  });
  return {
    json: Buffer.from(`{"records":[${texts.join(',')}]}`),
    ndjson: Buffer.from(`${texts.join('\n')}\n`),
  };
}

type Records = { readonly payload: Record<string, unknown> }[];

/** `setUp` makes the argument of each call anew and is not timed. */
async function measure<T>(setUp: () => T, work: (argument: T) => unknown): Promise<number> {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const requests = Array.from({ length: REQUESTS_PER_ROUND }, setUp);
    const started = process.hrtime.bigint();
    for (const request of requests) await work(request);
    const us = Number(process.hrtime.bigint() - started) / 1000;
    best = Math.min(best, us / REQUESTS_PER_ROUND / EVENTS);
  }
  return best;
}

const validator = new RecordValidator(COLUMNS);
const { json, ndjson } = bodies(7);
const long = bodies(19);
const text = json.toString();
const parsed = (): Records => (JSON.parse(text) as { records: Records }).records;
const whole = (contentType: 'json' | 'ndjson', bytes: Buffer) =>
  measure(
    () => bytes,
    () => prepareRecords(readBody({ contentType, bytes }), validator, undefined),
  );

const baseline = await measure(() => text, JSON.parse);
const rows: [string, number][] = [
  ['JSON.parse alone', baseline],
  [
    'read (UTF-8, scan, parse)',
    await measure(
      () => json,
      (bytes) => readBody({ contentType: 'json', bytes }),
    ),
  ],
  [
    'canonical form and hash',
    await measure(parsed, (records) => {
      const writer = new CanonicalWriter();
      for (const { payload } of records) contentHash('insert', undefined, writer.write(payload));
    }),
  ],
  [
    'validate',
    await measure(parsed, (records) => {
      for (const { payload } of records)
        if (validator.for('insert')?.normalise(payload) !== true) throw new Error('not valid');
    }),
  ],
  [
    'stringify',
    await measure(parsed, (records) => {
      for (const { payload } of records) JSON.stringify(payload);
    }),
  ],
  ['all, JSON', await whole('json', json)],
  ['all, NDJSON', await whole('ndjson', ndjson)],
  ['all, JSON, 19-digit ids', await whole('json', long.json)],
  ['all, NDJSON, 19-digit ids', await whole('ndjson', long.ndjson)],
];

process.stdout.write(
  `${EVENTS} events of ${Math.round(json.length / EVENTS)} bytes, ${COLUMNS.length} columns\n`,
);
process.stdout.write(`${'step'.padEnd(28)}${'us/event'.padStart(10)}${'x JSON.parse'.padStart(14)}\n`);
for (const [step, us] of rows) {
  process.stdout.write(
    `${step.padEnd(28)}${us.toFixed(2).padStart(10)}${(us / baseline).toFixed(2).padStart(14)}\n`,
  );
}
