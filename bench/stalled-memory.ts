import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { TcpProxy } from '../test/support/tcp-proxy.js';
import { EVENT_COLUMNS, requestBody } from './support/events.js';
import { LoadClient } from './support/load.js';
import { processTree, residentMiB } from './support/processes.js';
import { ok, startStack } from './support/stack.js';
import { printTable } from './support/table.js';

/**
 * The memory of the api and of the coordinator while Postgres or the object store are slow or say nothing, under clients
 * that send all that is taken and more. Whether it stays flat shows from one quarter of a phase to the next.
 */
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    clients: { type: 'string', default: '128' },
    batch: { type: 'string', default: '500' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log('stalled-memory: RSS of api and coordinator while a dependency is slow or stalls, under load.');
  console.log('--seconds N: of each phase  --clients N  --batch N: events of a request');
  process.exit(0);
}

const PHASE_MS = Number(options.seconds) * 1000;
const CLIENTS = Number(options.clients);
const BATCH = Number(options.batch);
const QUARTERS = 4;
const LOOK_MS = 200;
const REFUSED_PAUSE_MS = 20;
const BACK_MS = 120_000;
/** For each piece that passes, both ways. */
const SLOW_MS = 100;

/** Largest in each quarter of a phase, MiB. */
type Quarters = number[];

interface Phase {
  readonly accepted: number;
  readonly refused: number;
  readonly api: Quarters;
  readonly coordinator: Quarters;
  /** Largest of all engine children of the coordinator together. */
  readonly children: number;
}

const proxies: TcpProxy[] = [];
const stack = await startStack({}, 'two', async (url) => {
  const target = new URL(url);
  const proxy = await TcpProxy.start({ host: target.hostname, port: Number(target.port) });
  proxies.push(proxy);
  target.host = `127.0.0.1:${proxy.port}`;
  return target.href;
});
const [database, store] = proxies;
if (database === undefined || store === undefined) throw new Error('the stack was not routed by the proxies');
const client = new LoadClient(stack.apiUrl, CLIENTS);
let sent = 0;

/** Every fourth waits until its events are visible. Answers the status; 0 where the server ended the connection. */
async function write(): Promise<number> {
  const headers = { authorization: `Bearer ${stack.writerKey}`, 'content-type': 'application/json' };
  const body = requestBody(BATCH * sent, BATCH, 'counting');
  const waits = sent++ % 4 === 0 ? '?wait_for_visibility=true' : '';
  const answer = await client.post(`/v1/ingest/orders${waits}`, headers, body).catch(() => ({ status: 0 }));
  return answer.status;
}

const isTaken = (status: number): boolean => status >= 200 && status < 300;

async function underLoad(ms: number): Promise<Phase> {
  const beganAt = performance.now();
  const seen = { accepted: 0, refused: 0, children: 0 };
  const api: Quarters = Array.from({ length: QUARTERS }, () => 0);
  const coordinator = [...api];
  const isOver = (): boolean => performance.now() - beganAt >= ms;
  const writer = async (): Promise<void> => {
    while (!isOver()) {
      const status = await write();
      if (isTaken(status)) seen.accepted += 1;
      else {
        seen.refused += 1;
        await delay(REFUSED_PAUSE_MS);
      }
    }
  };
  const watch = async (): Promise<void> => {
    while (!isOver()) {
      const quarter = Math.floor(((performance.now() - beganAt) / ms) * QUARTERS);
      const pid = stack.coordinator.pid ?? 0;
      raise(api, quarter, residentMiB(stack.api.pid ?? 0));
      raise(coordinator, quarter, residentMiB(pid));
      const children = processTree(pid).slice(1);
      seen.children = Math.max(
        seen.children,
        children.reduce((sum, child) => sum + residentMiB(child.pid), 0),
      );
      await delay(LOOK_MS);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: CLIENTS }, writer)]);
  return { ...seen, api, coordinator };
}

function raise(quarters: Quarters, quarter: number, value: number): void {
  if (quarter < QUARTERS) quarters[quarter] = Math.max(quarters[quarter] ?? 0, value);
}

async function untilTaken(): Promise<void> {
  const giveUpAt = performance.now() + BACK_MS;
  while (!isTaken(await write())) {
    if (performance.now() > giveUpAt) throw new Error('no write was taken again');
    await delay(100);
  }
}

const rows: (string | number)[][] = [];
const inQuarters = (values: Quarters): string => values.map(Math.round).join(' ');

async function phase(what: string, begin: () => void, proxy?: TcpProxy): Promise<void> {
  begin();
  const { accepted, refused, api, coordinator, children } = await underLoad(PHASE_MS);
  rows.push([what, accepted, refused, inQuarters(api), inQuarters(coordinator), Math.round(children)]);
  console.log(rows.at(-1)?.join(' | '));
  if (proxy === undefined) return;
  await proxy.mend();
  await untilTaken();
}

const NOTHING = (): void => undefined;
try {
  await ok(
    stack.call('POST', '/v1/tables', stack.adminKey, {
      table_name: 'orders',
      schema: { columns: EVENT_COLUMNS },
    }),
  );
  await phase('all is well', NOTHING);
  await phase('Postgres says nothing', () => database.stall(), database);
  await phase('Postgres is slow', () => database.slow(SLOW_MS), database);
  await phase('the object store says nothing', () => store.stall(), store);
  await phase('the object store is slow', () => store.slow(SLOW_MS), store);
  await phase('all is well again', NOTHING);
} finally {
  await client.close();
  await stack.stop();
  for (const proxy of proxies) await proxy.close();
}
printTable(
  `${CLIENTS} clients, requests of ${BATCH} events, ${options.seconds} s each; RSS in MiB at most in each quarter`,
  ['meanwhile', 'taken', 'refused', 'api', 'coordinator', 'its engine'],
  rows,
);
