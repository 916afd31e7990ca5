import { setTimeout as delay } from 'node:timers/promises';
import { auditWorld } from './audit.js';
import { Catalog } from './catalog.js';
import { runTableChanger } from './table-changer.js';
import { History, mergeHistories, readHistory, type Entry } from './history.js';
import { runKeyedReader, runKeyedWriter } from './keyed-clients.js';
import { check, type Verdict } from './model/checker.js';
import { runNemesis } from './nemesis.js';
import { runOperator } from './operator.js';
import type { RoundPlan } from './plan.js';
import { Random } from './random.js';
import { runReader } from './readers.js';
import type { ServiceEnd } from './service-process.js';
import type { Stack } from './stack.js';
import { World, type Counters, type Tenant } from './world.js';
import { WriterFleet } from './writer-fleet.js';

export interface RoundResult {
  readonly name: string;
  readonly verdict: Verdict;
  readonly tenants: readonly Tenant[];
  readonly historyFile: string;
}

/** What beside the plan a scenario may want. */
export interface RoundOptions {
  /** Called once a second under faults; true ends them. */
  readonly until?: (world: World, catalog: Catalog) => boolean | Promise<boolean>;
  /** Runs beside the nemesis; the faults go on until it is over, however long that takes on a busy machine. */
  readonly beside?: (world: World, catalog: Catalog) => Promise<void>;
}

const SAMPLE_MS = 250;

/** Writers, readers and faults on new tenants; then everything heals, is looked at, and is held against the promises. */
export async function runRound(
  stack: Stack,
  plan: RoundPlan,
  counters: Counters,
  options: RoundOptions = {},
): Promise<RoundResult> {
  const historyFile = stack.historyFile(plan.name);
  const history = new History(`${historyFile}.main`);
  const catalog = new Catalog(stack.databaseUrl);
  const random = new Random(plan.seed);
  stack.ends.listen = (end) => history.add(faultOf(end));
  let begun: World | undefined;
  let writers: WriterFleet | undefined;
  try {
    const brief = plan.changes === true;
    const names = { round: plan.name, tenants: plan.tenants, tables: plan.tables, brief };
    const world = await World.create(stack, names, counters, history);
    begun = world;
    await arm(stack, plan);
    const ended = new AbortController();
    writers = WriterFleet.start(world, historyFile, plan.writers, random.fork());
    const clients = [writers.ended, ...runClients(world, plan, random)];
    const sampling = sample(world, catalog, ended.signal);
    // It is waited for at the end.
    sampling.catch(() => undefined);
    const beside = options.beside?.(world, catalog);
    const nemesis = runNemesis(world, catalog, plan.steps, random.fork());
    // A client or a deed that fails is a fault of the harness: it ends the round.
    const failed = Promise.all([...clients, nemesis, beside]).then(() => undefined);
    await Promise.race([failed, Promise.all([faultsOver(world, catalog, plan, options), beside])]);
    world.stopping = true;
    writers.stop();
    await nemesis;
    await stack.heal();
    const healMs = plan.healSeconds * 1000;
    world.giveUpAt = performance.now() + healMs;
    writers.healed(healMs);
    await Promise.all(clients);
    await auditWorld(world, catalog, random, { healMs, receipts: plan.receipts !== false });
    ended.abort();
    await sampling;
    mergeHistories([history.path, ...writers.histories], historyFile);
    const verdict = check(readHistory(historyFile));
    return { name: plan.name, verdict, tenants: world.tenants, historyFile };
  } finally {
    if (begun !== undefined) begun.stopping = true;
    writers?.kill();
    stack.ends.listen = () => undefined;
    history.close();
    await catalog.close();
  }
}

/** All clients of the plan but its writers, who have processes of their own. */
function runClients(world: World, plan: RoundPlan, random: Random): Promise<void>[] {
  const readers = plan.readers.map((reader) => runReader(world, reader, random.fork()));
  if (plan.changes !== true) return readers;
  return [
    ...readers,
    runTableChanger(world, random.fork()),
    runOperator(world, random.fork()),
    ...[1, 2].map(() => runKeyedWriter(world, random.fork())),
    runKeyedReader(world, random.fork()),
  ];
}

/** Begins the planned lives. */
async function arm(stack: Stack, plan: RoundPlan): Promise<void> {
  for (const service of stack.services) {
    const lives = plan.lives[service.name] ?? [];
    service.lives = [...lives];
    if (lives.length > 0) await service.kill('to begin its planned lives');
  }
}

async function faultsOver(
  world: World,
  catalog: Catalog,
  plan: RoundPlan,
  options: RoundOptions,
): Promise<void> {
  const endAt = performance.now() + plan.seconds * 1000;
  while (performance.now() < endAt) {
    await delay(Math.min(1000, Math.max(0, endAt - performance.now())));
    if (await options.until?.(world, catalog)) return;
  }
}

async function sample(world: World, catalog: Catalog, ended: AbortSignal): Promise<void> {
  const tenants = world.tenants.map(({ id }) => id);
  while (!ended.aborted) {
    for (const progress of await catalog.progress(tenants)) world.record({ e: 'watermark', ...progress });
    await delay(SAMPLE_MS);
  }
}

function faultOf({ service, killed, exit }: ServiceEnd): Entry {
  const what = killed === undefined ? `ended by itself (${exit})` : `kill ${killed}`;
  return { e: 'fault', what, on: service, kill: killed !== undefined };
}
