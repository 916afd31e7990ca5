import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { TcpProxy } from '../test/support/tcp-proxy.js';
import { EVENT_COLUMNS, requestBody } from './support/events.js';
import { LoadClient } from './support/load.js';
import { residentMiB } from './support/processes.js';
import { ok, startStack, type Stack } from './support/stack.js';
import { printTable } from './support/table.js';

/**
 * The memory of the api and of the coordinator while Postgres or the object store say nothing, under clients that send
 * all that is taken and more.
 */
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    clients: { type: 'string', default: '128' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log('stalled-memory: RSS of api and coordinator while a dependency stalls under load.');
  console.log('--seconds N: of each phase  --clients N');
  process.exit(0);
}

const PHASE_MS = Number(options.seconds) * 1000;
const CLIENTS = Number(options.clients);
const BATCH = 500;
const LOOK_MS = 200;
const REFUSED_PAUSE_MS = 20;
const BACK_MS = 60_000;

interface Phase {
  readonly accepted: number;
  readonly refused: number;
  /** Largest in the phase, MiB. */
  readonly api: number;
  readonly coordinator: number;
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

async function write(): Promise<number> {
  const headers = { authorization: `Bearer ${stack.writerKey}`, 'content-type': 'application/json' };
  const body = requestBody(BATCH * sent++, BATCH, 'counting');
  return (await client.post('/v1/ingest/orders', headers, body)).status;
}

async function underLoad({ api, coordinator }: Stack, ms: number): Promise<Phase> {
  const endAt = performance.now() + ms;
  const seen = { accepted: 0, refused: 0, api: 0, coordinator: 0 };
  const writer = async (): Promise<void> => {
    while (performance.now() < endAt) {
      if ((await write()) < 300) seen.accepted += 1;
      else {
        seen.refused += 1;
        await delay(REFUSED_PAUSE_MS);
      }
    }
  };
  const watch = async (): Promise<void> => {
    while (performance.now() < endAt) {
      seen.api = Math.max(seen.api, residentMiB(api.pid ?? 0));
      seen.coordinator = Math.max(seen.coordinator, residentMiB(coordinator.pid ?? 0));
      await delay(LOOK_MS);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: CLIENTS }, writer)]);
  return seen;
}

async function untilTaken(): Promise<void> {
  const giveUpAt = performance.now() + BACK_MS;
  while ((await write()) >= 300) {
    if (performance.now() > giveUpAt) throw new Error('no write was taken again');
    await delay(100);
  }
}

const rows: (string | number)[][] = [];
const note = (what: string, phase: Phase): number =>
  rows.push([what, phase.accepted, phase.refused, phase.api, phase.coordinator]);
try {
  await ok(
    stack.call('POST', '/v1/tables', stack.adminKey, {
      table_name: 'orders',
      schema: { columns: EVENT_COLUMNS },
    }),
  );
  note('all is well', await underLoad(stack, PHASE_MS));
  database.stall();
  note('Postgres says nothing', await underLoad(stack, PHASE_MS));
  await database.mend();
  await untilTaken();
  note('all is well again', await underLoad(stack, PHASE_MS));
  store.stall();
  note('the object store says nothing', await underLoad(stack, PHASE_MS));
  await store.mend();
  note('all is well again', await underLoad(stack, PHASE_MS));
} finally {
  await client.close();
  await stack.stop();
  for (const proxy of proxies) await proxy.close();
}
printTable(
  `${CLIENTS} clients, requests of ${BATCH} events, ${options.seconds} s each; RSS in MiB at most`,
  ['meanwhile', 'taken', 'refused', 'api', 'coordinator'],
  rows,
);
