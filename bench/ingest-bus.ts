import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { applyMigrations, createDataSource, Transactions } from '../src/database/index.js';
import type { IngestBus, IngestRecord, IngestRequest } from '../src/modules/bus/index.js';
import { PostgresIngestBus } from '../src/modules/bus/ingest-bus.postgres.js';
import { coveredKey, storedKey } from '../src/modules/bus/stored-key.js';
import { insertTenant } from '../test/support/bus-postgres.js';
import { startBenchPostgres } from './support/postgres.js';

/**
 * The bus alone, without HTTP: events a second through `append`, against raw COPY on one connection of records of the
 * same kind into a table with a unique key. `lowest` and `highest` are of bus/each.
 */
const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    ledger: { type: 'string', default: '0' },
    events: { type: 'string', default: '400000' },
    writers: { type: 'string', default: '4' },
    batch: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    'no-copy': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (options.help) {
  console.log(
    'ingest-bus: events/s through the bus alone, without HTTP, against raw COPY on one connection.',
  );
  console.log('--url postgres://… (default: one of its own)  --ledger N  --events N  --writers N  --batch N');
  console.log('--rounds N  --only counting,random,request  --no-copy');
  process.exit(0);
}

const EVENTS = Number(options.events);
const WRITERS = Number(options.writers);
const BATCH = Number(options.batch);
const LEDGER = Number(options.ledger);
const ROUNDS = Number(options.rounds);
const TENANT = 'bench';
const DATABASE = 'tidemark_bench_ingest_bus';
/** A window class each, so that no kind of keys finds another's rows in its ledger. */
const WINDOWS = { counting: '24h', random: '7d', request: '30d' } as const;

type KeyKind = 'counting' | 'random' | 'request';

let counter = 1_000_000;

/** A record of about 280 bytes as JSON, with its hash made beforehand: validation is not the bus's work. */
function makeRecord(kind: KeyKind): IngestRecord {
  counter += 1;
  const payload = JSON.stringify({
    id: counter,
    customer: `customer-${counter % 997}`,
    amount: ((counter * 37) % 1_000_003) / 100,
    currency: 'EUR',
    paid: counter % 3 === 0,
    created: new Date(1_760_000_000_000 + counter * 137).toISOString(),
    ref: randomUUID(),
    note: `order ${counter} of customer ${counter % 997}, ${randomBytes(24).toString('base64')}, to be shipped`,
  });
  return {
    key: kind === 'request' ? undefined : kind === 'counting' ? `order-${counter}` : randomUUID(),
    op: 'insert',
    contentHash: createHash('md5').update(payload).digest('hex'),
    eventTime: '2026-09-01T12:00:00.000Z',
    payload,
  };
}

function makeRequests(tableId: number, kind: KeyKind, events: number): IngestRequest[] {
  return Array.from({ length: Math.ceil(events / BATCH) }, (): IngestRequest => {
    const request: IngestRequest = {
      tenantId: TENANT,
      tableId,
      windowClass: WINDOWS[kind],
      schemaVersion: 1,
      catalogEpoch: 0,
      requestKey: kind === 'request' ? randomUUID() : undefined,
      records: Array.from({ length: BATCH }, () => makeRecord(kind)),
      revalidate: () => Promise.resolve(request),
    };
    return request;
  });
}

/** Writers take the next request when theirs is answered, as clients do. Answers events a second. */
async function measureBus(bus: IngestBus, requests: readonly IngestRequest[]): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        await bus.append(request);
      }
    }),
  );
  return (requests.length * BATCH) / ((performance.now() - started) / 1000);
}

const copyLines = ({ requestKey, records }: IngestRequest): string =>
  records
    .map(
      ({ key, payload }, at) =>
        `${key ?? coveredKey(requestKey ?? '', at)}\t${payload.replaceAll('\\', '\\\\')}\n`,
    )
    .join('');

/**
 * The same records by COPY on one connection, into a table with a unique text key: one statement for all, or a
 * statement and commit for each request. Answers events a second.
 */
async function measureCopy(
  client: pg.Client,
  requests: readonly IngestRequest[],
  kind: KeyKind,
  each: 'one statement' | 'one a request',
): Promise<number> {
  const copy = (sent: readonly IngestRequest[]) =>
    pipeline(Readable.from(sent.map(copyLines)), client.query(copyFrom(`COPY copy_${kind} FROM STDIN`)));
  const started = performance.now();
  if (each === 'one statement') await copy(requests);
  else for (const request of requests) await copy([request]);
  return (requests.length * BATCH) / ((performance.now() - started) / 1000);
}

/** Rows from before, in the ledger and in the table that COPY fills. */
async function preload(client: pg.Client, tableId: number, kind: KeyKind): Promise<void> {
  await client.query(`CREATE TABLE copy_${kind} (key text NOT NULL UNIQUE, payload text NOT NULL)`);
  const lines = function* (line: (key: string, n: number) => string) {
    for (let n = 0; n < LEDGER; n += 1000) {
      yield Array.from({ length: Math.min(1000, LEDGER - n) }, (_, i) =>
        line(kind === 'counting' ? `order-${10_000_000 + n + i}` : randomUUID(), n + i),
      ).join('');
    }
  };
  const payload = makeRecord(kind).payload.replaceAll('\\', '\\\\');
  await pipeline(
    Readable.from(lines((key) => `${key}\t${payload}\n`)),
    client.query(copyFrom(`COPY copy_${kind} FROM STDIN`)),
  );
  await pipeline(
    Readable.from(
      lines((key, n) => {
        const stored = storedKey(tableId, 'record', key);
        return `0\t${tableId}\t${n % BATCH}\t1\t1\t${stored}\t${stored}\tr\ti\t${WINDOWS[kind]}\n`;
      }),
    ),
    client.query(
      copyFrom(`COPY ingest_event (batch_id, table_id, ordinal, record_count, generation, stored_key, content_hash,
                                   kind, op, window_class) FROM STDIN`),
    ),
  );
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

async function openDatabase(server: string): Promise<string> {
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(`DROP DATABASE IF EXISTS ${DATABASE} WITH (FORCE)`);
  await admin.query(`CREATE DATABASE ${DATABASE}`);
  const { rows } = await admin.query<{ settings: string }>(
    `SELECT 'Postgres ' || current_setting('server_version') || ', fsync ' || current_setting('fsync')
            || ', shared_buffers ' || current_setting('shared_buffers') AS settings`,
  );
  await admin.end();
  process.stdout.write(`${rows[0]?.settings}\n`);
  const url = new URL(server);
  url.pathname = `/${DATABASE}`;
  return url.href;
}

const postgres = options.url === '' ? await startBenchPostgres() : undefined;
const url = await openDatabase(postgres?.url ?? options.url);
const dataSource = await createDataSource(url, { poolMax: 8 }).initialize();
await applyMigrations(dataSource);
await insertTenant(dataSource, TENANT);
const client = new pg.Client({ connectionString: url });
await client.connect();
const bus = new PostgresIngestBus(dataSource, new Transactions(dataSource));
const kinds = (options.only?.split(',') ?? ['counting', 'random', 'request']) as KeyKind[];

process.stdout.write(
  `${WRITERS} writers, requests of ${BATCH} events of ${makeRecord('counting').payload.length} bytes, ` +
    `${EVENTS} events a round, ${ROUNDS} rounds, ${LEDGER} rows in the ledger before\n`,
);
const header = ['keys', 'COPY, one', 'COPY, each', 'bus', 'bus/one', 'bus/each', 'lowest', 'highest'];
const WIDTH = 11;
process.stdout.write(`${header.map((text) => text.padStart(WIDTH)).join('')}\n`);
for (const [index, kind] of kinds.entries()) {
  const tableId = index + 1;
  await preload(client, tableId, kind);
  await client.query('VACUUM ANALYZE');
  await measureBus(bus, makeRequests(tableId, kind, 20_000));
  const rounds: { one: number; each: number; bus: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const rates = { one: NaN, each: NaN, bus: NaN };
    if (!options['no-copy']) {
      await client.query('CHECKPOINT');
      rates.one = await measureCopy(client, makeRequests(tableId, kind, EVENTS), kind, 'one statement');
      await client.query('CHECKPOINT');
      rates.each = await measureCopy(client, makeRequests(tableId, kind, EVENTS), kind, 'one a request');
    }
    const requests = makeRequests(tableId, kind, EVENTS);
    await client.query('CHECKPOINT');
    rates.bus = await measureBus(bus, requests);
    rounds.push(rates);
  }
  const ratios = rounds.map((rates) => rates.bus / rates.each);
  const cells = [
    kind,
    median(rounds.map((rates) => rates.one)).toFixed(0),
    median(rounds.map((rates) => rates.each)).toFixed(0),
    median(rounds.map((rates) => rates.bus)).toFixed(0),
    median(rounds.map((rates) => rates.bus / rates.one)).toFixed(2),
    median(ratios).toFixed(2),
    Math.min(...ratios).toFixed(2),
    Math.max(...ratios).toFixed(2),
  ];
  process.stdout.write(`${cells.map((text) => text.padStart(WIDTH)).join('')}\n`);
}
await client.end();
await dataSource.destroy();
await postgres?.stop();
