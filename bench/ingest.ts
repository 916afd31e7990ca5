import { parseArgs } from 'node:util';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { EVENT_COLUMNS, payload, requestBody, type KeyKind } from './support/events.js';
import { drive, LoadClient } from './support/load.js';
import { residentMiB } from './support/processes.js';
import { ok, startStack, type Stack } from './support/stack.js';
import { printTable } from './support/table.js';

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    ledger: { type: 'string', default: '2000000' },
    batch: { type: 'string', default: '500' },
    clients: { type: 'string', default: '4' },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(
    'ingest: acknowledged events/s over HTTP against raw COPY into a table with a unique key, in one run.',
  );
  console.log('--events N (a variant)  --ledger N (rows before)  --batch N  --clients N');
  process.exit(0);
}

const EVENTS = Number(options.events);
const BATCH = Number(options.batch);
const CLIENTS = Number(options.clients);

const stack = await startStack();
try {
  await fillLedger(stack, Number(options.ledger));
  const copyPerSecond = await rawCopy(stack.databaseUrl);
  await ingest(stack, 'counting', 'warm');
  const rows: (string | number)[][] = [['raw COPY, unique key', copyPerSecond, 1, '', '', '']];
  for (const kind of ['counting', 'random', 'request'] as const) {
    const result = await ingest(stack, kind);
    rows.push([
      `per ${kind === 'request' ? 'request' : 'record'}, ${kind}`,
      result.perSecond,
      result.perSecond / copyPerSecond,
      result.visibleAfterSeconds,
      EVENTS / (EVENTS / result.perSecond + result.visibleAfterSeconds),
      result.apiMiB,
    ]);
  }
  printTable(
    `Ingest: ${EVENTS.toLocaleString('en')} events a row, batches of ${BATCH}, ${CLIENTS} clients, ` +
      `${Number(options.ledger).toLocaleString('en')} rows in the ledger before, one api and one coordinator`,
    [
      'idempotency keys',
      'acknowledged/s',
      'of COPY',
      'all visible after s',
      'through to visible/s',
      'api RSS MiB',
    ],
    rows,
  );
} finally {
  await stack.stop();
}

/** Rows as old traffic leaves them: half with keys that count up, half random. */
async function fillLedger({ databaseUrl }: Stack, rows: number): Promise<void> {
  if (rows === 0) return;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(
    `INSERT INTO ingest_event (batch_id, table_id, ordinal, record_count, generation, stored_key, content_hash, kind, op, window_class)
     SELECT -1, 0, i % 500, 1, 1,
            CASE WHEN i % 2 = 0 THEN gen_random_uuid()
                 ELSE (substr(md5((i / 10000)::text), 1, 8) || substr(md5(i::text), 1, 24))::uuid END,
            gen_random_uuid(), 'r', 'i', '24h'
     FROM generate_series(1, $1::int) i`,
    [rows],
  );
  await client.query('VACUUM ANALYZE ingest_event');
  await client.query('CHECKPOINT');
  await client.end();
}

/**
 * The same events by COPY on one connection, in transactions of a batch each, into a table with a unique key and as
 * many rows in it as the ledger has. Keys count up. Answers rows/s.
 */
async function rawCopy(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('CREATE TABLE bench_copy (key text PRIMARY KEY, payload text NOT NULL)');
  await client.query(
    `INSERT INTO bench_copy
     SELECT CASE WHEN i % 2 = 0 THEN gen_random_uuid()::text ELSE 'before-' || lpad(i::text, 12, '0') END, ''
     FROM generate_series(1, $1::int) i`,
    [Number(options.ledger)],
  );
  await client.query('VACUUM ANALYZE bench_copy');
  await client.query('CHECKPOINT');
  const batches = Array.from({ length: EVENTS / BATCH }, (_, n) =>
    Array.from({ length: BATCH }, (_unused, i) => copyLine(n * BATCH + i)).join(''),
  );
  const startedAt = performance.now();
  for (const batch of batches) {
    await pipeline(Readable.from([batch]), client.query(copyFrom('COPY bench_copy FROM STDIN')));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await client.query('DROP TABLE bench_copy');
  await client.query('CHECKPOINT');
  await client.end();
  return EVENTS / seconds;
}

function copyLine(i: number): string {
  return `order-${String(i).padStart(12, '0')}\t${JSON.stringify(payload(i))}\n`;
}

async function ingest(target: Stack, kind: KeyKind, table = `orders_${kind}`) {
  await ok(
    target.call('POST', '/v1/tables', target.adminKey, {
      table_name: table,
      schema: { columns: EVENT_COLUMNS },
    }),
  );
  const bodies = Array.from({ length: EVENTS / BATCH }, (_, n) =>
    Buffer.from(requestBody(n * BATCH, BATCH, kind)),
  );
  const client = new LoadClient(target.apiUrl, CLIENTS);
  let maxToken = 0;
  const seconds = await drive(bodies.length, CLIENTS, async (n) => {
    const headers = {
      authorization: `Bearer ${target.writerKey}`,
      'content-type': 'application/json',
      ...(kind === 'request' && { 'idempotency-key': `batch-${n}` }),
    };
    const response = await client.post(`/v1/ingest/${table}`, headers, bodies[n] ?? '');
    if (response.status !== 202) throw new Error(`${response.status} ${response.body}`);
    maxToken = Math.max(
      maxToken,
      (JSON.parse(response.body) as { max_visibility_token: number }).max_visibility_token,
    );
  });
  await client.close();
  const apiMiB = residentMiB(target.api.pid ?? 0);
  const loadEndedAt = performance.now();
  const answer = await ok(
    target.call('POST', '/v1/query', target.adminKey, {
      sql: `SELECT count(*) AS n FROM ${table}`,
      min_visibility_token: maxToken,
      consistency_timeout_ms: 60_000,
    }),
  );
  const { rows } = (await answer.json()) as { rows: unknown[][] };
  if (Number(rows[0]?.[0]) !== EVENTS)
    throw new Error(`${EVENTS} events were sent and ${String(rows[0]?.[0])} are visible`);
  return {
    perSecond: EVENTS / seconds,
    visibleAfterSeconds: (performance.now() - loadEndedAt) / 1000,
    apiMiB,
  };
}
