import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { applyMigrations, createDataSource, Transactions } from '../src/database/index.js';
import type { IngestRequest } from '../src/modules/bus/index.js';
import { oldestInUse } from '../src/modules/bus/generations.js';
import { PostgresIngestBus } from '../src/modules/bus/ingest-bus.postgres.js';
import { dropLeaf, readGenerations, readLeaves, type LeafRow } from '../src/modules/bus/sql/leaves.js';
import { insertTenant } from '../test/support/bus-postgres.js';
import { startBenchPostgres } from './support/postgres.js';
import { percentile, printTable } from './support/table.js';

/**
 * What a rotation and the drop of a leaf cost the ingest that runs at the same time: how long an append takes that
 * overlaps one, against those of the seconds before.
 */
const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '500000' },
    rounds: { type: 'string', default: '5' },
    writers: { type: 'string', default: '4' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log('ledger-drop: latency of appends during rotations and drops of leaves, against before.');
  console.log('--events N: in each generation that is dropped  --rounds N  --writers N');
  process.exit(0);
}

const EVENTS = Number(options.events);
const ROUNDS = Number(options.rounds);
const WRITERS = Number(options.writers);
const TENANT = 'bench';
const WINDOW = '1h';
const FILL = 500;
const LOAD = 50;
const QUIET_MS = 3_000;
const LOCK_TIMEOUT_MS = 200;

interface Span {
  readonly from: number;
  readonly to: number;
}

const postgres = await startBenchPostgres();
const dataSource = await createDataSource(postgres.url, { poolMax: WRITERS + 4 }).initialize();
await applyMigrations(dataSource);
await insertTenant(dataSource, TENANT);
const reader = new pg.Client({ connectionString: postgres.url });
await reader.connect();
const bus = new PostgresIngestBus(dataSource, new Transactions(dataSource));
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

let counter = 0;
const note = randomBytes(90).toString('base64');
function makeRequest(records: number): IngestRequest {
  const request: IngestRequest = {
    tenantId: TENANT,
    tableId: 1,
    windowClass: WINDOW,
    schemaVersion: 1,
    catalogEpoch: 0,
    requestKey: undefined,
    records: Array.from({ length: records }, () => {
      counter += 1;
      const payload = JSON.stringify({
        id: counter,
        amount: (counter * 37) % 1_000_003,
        note: `${counter} ${note}`,
      });
      const contentHash = createHash('md5').update(payload).digest('hex');
      return { key: `order-${counter}`, op: 'insert', contentHash, eventTime: undefined, payload };
    }),
    revalidate: () => Promise.resolve(request),
  };
  return request;
}

async function fill(): Promise<void> {
  let left = EVENTS / FILL;
  const writer = async (): Promise<void> => {
    while (left-- > 0) await bus.append(makeRequest(FILL));
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  await dataSource.query(
    `UPDATE tenant_head h SET published_token = c.last_token FROM tenant_clock c WHERE c.tenant_id = h.tenant_id`,
  );
}

/** Appends until it is told to stop, and notes how long each took. */
function startLoad(): { readonly spans: Span[]; stop(): Promise<void> } {
  const spans: Span[] = [];
  let stopped = false;
  const writer = async (): Promise<void> => {
    while (!stopped) {
      const request = makeRequest(LOAD);
      const from = performance.now();
      await bus.append(request);
      spans.push({ from, to: performance.now() });
    }
  };
  const writers = Promise.all(Array.from({ length: WRITERS }, writer));
  return {
    spans,
    stop: async () => {
      stopped = true;
      await writers;
    },
  };
}

async function timed(work: () => Promise<unknown>): Promise<Span> {
  const from = performance.now();
  await work();
  return { from, to: performance.now() };
}

async function dueLeaves(): Promise<LeafRow[]> {
  const current = new Map((await readGenerations(dataSource.manager)).map((row) => [row.class, row.number]));
  const leaves = await readLeaves(dataSource.manager);
  return leaves.filter((leaf) => leaf.generation < oldestInUse(leaf.class, current.get(leaf.class) ?? 0));
}

const nameOf = ({ parent }: LeafRow): string => parent.replace(`_${WINDOW}`, '');
const drop = async (leaf: LeafRow, fate: string): Promise<void> => {
  const answer = await dropLeaf(dataSource.manager, leaf, LOCK_TIMEOUT_MS);
  if (answer !== fate) throw new Error(`the drop of ${leaf.parent}_${leaf.generation} answered ${answer}`);
};

/** By what was done: how long it took, and the appends that overlapped it. */
const deeds = new Map<string, { readonly took: number[]; readonly appends: number[] }>();
const quiet: number[] = [];
const megabytes: number[] = [];

function noteDeed(what: string, deed: Span, spans: readonly Span[]): void {
  const known = deeds.get(what) ?? { took: [], appends: [] };
  deeds.set(what, known);
  known.took.push(deed.to - deed.from);
  const overlapping = spans.filter(({ from, to }) => from < deed.to && to > deed.from);
  known.appends.push(...overlapping.map(({ from, to }) => to - from));
}

for (let round = 0; round < ROUNDS; round += 1) {
  await fill();
  await bus.rotate(WINDOW);
  await bus.rotate('body');
  // Of generations before the first: they are empty.
  for (const leaf of round === 0 ? await dueLeaves() : [])
    if (leaf.generation === 0) await drop(leaf, 'dropped');
  await dataSource.query('CHECKPOINT');
  const load = startLoad();
  await sleep(QUIET_MS);
  const quietUntil = performance.now();
  const done: [string, Span][] = [];
  done.push(['rotate', await timed(() => bus.rotate(WINDOW))]);
  const due = await dueLeaves();
  const [held] = due;
  if (held !== undefined) {
    await reader.query('BEGIN');
    await reader.query(`SELECT FROM ${held.parent}_${held.generation} LIMIT 1`);
    done.push(['drop that a reader holds up', await timed(() => drop(held, 'locked'))]);
    await reader.query('COMMIT');
    await sleep(500);
  }
  for (const leaf of due) {
    const [row] = await dataSource.query<{ mb: number }[]>(
      `SELECT pg_total_relation_size($1::regclass)::float8 / 1048576 AS mb`,
      [`${leaf.parent}_${leaf.generation}`],
    );
    megabytes.push(row?.mb ?? 0);
    done.push([`drop of ${nameOf(leaf)}`, await timed(() => drop(leaf, 'dropped'))]);
    await sleep(500);
  }
  await load.stop();
  for (const { from, to } of load.spans) if (to <= quietUntil) quiet.push(to - from);
  for (const [what, span] of done) noteDeed(what, span, load.spans);
}

const row = (what: string, took: readonly number[], appends: readonly number[]) => [
  what,
  took.length === 0 ? '' : percentile(took, 0.5),
  appends.length,
  percentile(appends, 0.5),
  percentile(appends, 0.99),
  Math.max(...appends),
];
printTable(
  `${WRITERS} writers, requests of ${LOAD} events; ${EVENTS.toLocaleString('en')} events in each dropped generation, ` +
    `leaves of up to ${Math.max(...megabytes).toFixed(0)} MB; ${ROUNDS} rounds; ms`,
  ['meanwhile', 'it took', 'appends', 'p50', 'p99', 'max'],
  [row('nothing', [], quiet), ...[...deeds].map(([what, { took, appends }]) => row(what, took, appends))],
);
await reader.end();
await dataSource.destroy();
await postgres.stop();
