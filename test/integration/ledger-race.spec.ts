import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { WINDOW_MS } from '../../src/modules/bus/generations.js';
import { openPostgresBackend, type PostgresBackend } from '../support/bus-postgres.js';
import { eventsOfClaim, newTableId, requestOf } from '../support/bus-requests.js';
import { generationOf } from '../support/ledger.js';
import { until } from '../support/until.js';

const PROCESS = join(import.meta.dirname, '../support/ledger-process.mjs');
/** A window of the class 1h, and a generation of bodies, is half a second. */
const DIVISOR = 7_200;
const WINDOW = WINDOW_MS['1h'] / DIVISOR;
const WRITERS = 3;
const UPKEEPS = 2;
/** Sets of keys that come again and again. Odd, since every second request is of another kind. */
const SETS = 15;
const MOMENT_MS = 5;
const RECORDS = 20;
const ROTATIONS = 14;

type Answer = readonly [set: string, token: number, accepted: number];
interface Upkeep {
  readonly rotated: readonly string[];
  readonly droppedLeaves: readonly string[];
}
interface SeenEvent {
  readonly key: string;
  readonly token: number;
  readonly ingestedAt: number;
}

let backend: PostgresBackend;
const children: ChildProcess[] = [];

beforeEach(async () => {
  backend = await openPostgresBackend();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await backend.close();
});

async function start(task: object): Promise<() => Promise<unknown>> {
  const child = fork(PROCESS, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  children.push(child);
  await once(child, 'message');
  child.send({ url: backend.url, divisor: DIVISOR, ...task });
  const exit = once(child, 'exit');
  const answer = once(child, 'message');
  return async () => {
    child.send('stop');
    const [result] = await Promise.race([answer, exit.then(() => [undefined])]);
    await exit;
    if (result === undefined) throw new Error('a process ended without an answer');
    return result as unknown;
  };
}

it('accepts no key twice inside its window and loses nothing, while generations come and go under load', async () => {
  const tenantId = await backend.createTenant();
  const tableId = newTableId();
  const bus = await backend.open();
  const { revalidate: _revalidate, ...request } = requestOf(backend, tenantId, tableId, {
    windowClass: '1h',
    records: Array.from({ length: RECORDS }, () => ({})),
  });
  const seen: SeenEvent[] = [];
  /** Publishes all there is. */
  const drain = async () => {
    for (;;) {
      const claim = await bus.claim(tenantId, 'drain', { maxRows: 10_000, maxBytes: 1 << 24 }, 30_000);
      if (claim === undefined) return;
      const ingestedAt = new Map(claim.batches.map((batch) => [batch.batchId, batch.ingestedAt.getTime()]));
      for (const { key, token, batchId } of eventsOfClaim(claim)) {
        seen.push({ key, token, ingestedAt: ingestedAt.get(batchId) ?? 0 });
      }
      if (!(await backend.publish(bus, claim))) throw new Error('a publication was refused');
    }
  };
  const bodiesAt = (number: number) =>
    until(`generation ${number} of the bodies`, 50_000, async () => {
      return (await generationOf(backend.dataSource, 'body')) >= number;
    });

  const writers = await Promise.all(
    Array.from({ length: WRITERS }, () =>
      start({ role: 'writer', request, sets: SETS, momentMs: MOMENT_MS }),
    ),
  );
  const upkeeps = await Promise.all(Array.from({ length: UPKEEPS }, () => start({ role: 'upkeep' })));
  // The first backlog is older than two generations when it is published, the next ones are not.
  for (let number = 4; number <= 1 + ROTATIONS; number += 1) {
    await bodiesAt(number);
    await drain();
  }
  const answers = (await Promise.all(writers.map((stop) => stop()))).flat() as Answer[];
  await bodiesAt((await generationOf(backend.dataSource, 'body')) + 2);
  await drain();
  const reports = (await Promise.all(upkeeps.map((stop) => stop()))) as Upkeep[];

  const acceptedCount = answers.reduce((sum, [, , accepted]) => sum + accepted, 0);
  const keyOf = new Map(seen.map(({ key, token }) => [token, key]));
  expect([seen.length, keyOf.size]).toEqual([acceptedCount, acceptedCount]);
  expect(answers.filter(([set, token]) => keyOf.get(token)?.startsWith(`${set}-`) !== true)).toEqual([]);
  const byKey = Map.groupBy(seen, ({ key }) => key);
  const gaps = [...byKey.values()].flatMap((events) => {
    const times = events.toSorted((a, b) => a.token - b.token).map(({ ingestedAt }) => ingestedAt);
    return times.slice(1).map((time, n) => time - (times[n] ?? 0));
  });
  // Columns keep milliseconds on their way here.
  expect(gaps.filter((gap) => gap < WINDOW - 1)).toEqual([]);

  // The race was one: keys came again after their window, most were repeats inside it, and leaves went.
  expect(gaps.length).toBeGreaterThan(SETS * RECORDS);
  expect(answers.length * RECORDS).toBeGreaterThan(acceptedCount * 2);
  const dropped = reports.flatMap(({ droppedLeaves }) => droppedLeaves);
  expect(dropped.filter((leaf) => leaf.startsWith('ingest_body')).length).toBeGreaterThan(ROTATIONS);
  expect(dropped.filter((leaf) => leaf.startsWith('ingest_event_1h')).length).toBeGreaterThan(2);
  expect(new Set(dropped).size).toBe(dropped.length);
}, 120_000);
