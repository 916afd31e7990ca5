import { join } from 'node:path';
import { Catalog } from './catalog.js';
import { History } from './history.js';
import { call, isOk } from './http.js';
import { WRITER } from './plan.js';
import { Random } from './random.js';
import { eventually } from './eventually.js';
import type { Servers } from './servers.js';
import { LEASE_MS, Stack, USUAL_SERVICES } from './stack.js';
import { Counters, World } from './world.js';
import { WriterFleet } from './writer-fleet.js';

/**
 * The promise: after a kill of the only coordinator the watermark moves again within the lease and this. Where the
 * machine is so busy that a process takes longer than the lease to start, that time takes its place.
 */
const RECOVERY_MS = 1_000;
/** What a busy machine may add: the process has to start, and the look at it comes late. */
const SLACK_MS = 1_500;
const KILLS = 5;
const STOPS = 3;
const WAIT_MS = 30_000;

export interface Recovery {
  /** From each death to the next move of the watermark, and to the first answer of the next process. */
  readonly kills: readonly { readonly movedMs: number; readonly startedMs: number }[];
  readonly leaseMs: number;
  readonly recoveryMs: number;
  readonly slackMs: number;
  /** How many graceful stops gave their claim back before the process ended, of how many. */
  readonly stops: number;
  readonly claimsGivenBack: number;
}

/** Kills and stops the only coordinator while it holds a claim. */
export async function measureRecovery(servers: Servers, dist: string, folder: string): Promise<Recovery> {
  const stack = await Stack.start(servers, {
    name: 'recovery',
    dist,
    folder: join(folder, 'recovery'),
    services: USUAL_SERVICES.filter(({ name }) => ['api-1', 'coordinator-1', 'maintenance-1'].includes(name)),
  });
  const history = new History(stack.historyFile('recovery'));
  const catalog = new Catalog(stack.databaseUrl);
  try {
    const names = { round: 'recovery', tenants: 1, tables: 1 };
    const world = await World.create(stack, names, new Counters(), history);
    const plan = { ...WRITER, sizes: [[1, 1, 20]], pauseMs: [10, 50] } as const;
    const writers = WriterFleet.start(world, history.path, [plan], new Random(1));
    const kills: Recovery['kills'][number][] = [];
    for (let i = 0; i < KILLS; i += 1) kills.push(await recoverFromKill(stack, catalog, world));
    let claimsGivenBack = 0;
    for (let i = 0; i < STOPS; i += 1) if (await stopGracefully(stack, catalog, world)) claimsGivenBack += 1;
    writers.stop();
    writers.healed(WAIT_MS);
    await writers.ended;
    return {
      kills,
      leaseMs: LEASE_MS,
      recoveryMs: RECOVERY_MS,
      slackMs: SLACK_MS,
      stops: STOPS,
      claimsGivenBack,
    };
  } finally {
    history.close();
    await catalog.close();
    await stack.close();
  }
}

async function recoverFromKill(
  stack: Stack,
  catalog: Catalog,
  world: World,
): Promise<Recovery['kills'][number]> {
  const coordinator = stack.named('coordinator-1');
  const died = new Promise<number>((resolve) => {
    stack.ends.listen = ({ killed }) => {
      if (killed === 'at commit.uploaded') resolve(performance.now());
    };
  });
  coordinator.lives = ['commit.uploaded=kill@3', ''];
  await coordinator.kill();
  const diedAt = await died;
  const before = await published(catalog, world);
  const sinceDeath = async (done: () => Promise<boolean>): Promise<number> =>
    (await eventually(WAIT_MS, done, 20)) ? performance.now() - diedAt : Infinity;
  const [movedMs, startedMs] = await Promise.all([
    sinceDeath(async () => (await published(catalog, world)) > before),
    sinceDeath(async () => isOk(await call(coordinator, 'GET', '/v1/health', '', undefined, {}, 1_000))),
  ]);
  return { movedMs, startedMs };
}

/** Whether its claim was free when the process had ended. */
async function stopGracefully(stack: Stack, catalog: Catalog, world: World): Promise<boolean> {
  const coordinator = stack.named('coordinator-1');
  const tenant = world.tenants[0]?.id ?? '';
  coordinator.lives = ['commit.claimed=delay(400):10000'];
  await coordinator.kill();
  const before = await published(catalog, world);
  await eventually(WAIT_MS, async () => (await published(catalog, world)) > before);
  await eventually(WAIT_MS, async () => (await catalog.claim(tenant))?.state === 'live', 10);
  const code = await coordinator.stop();
  const claim = await catalog.claim(tenant);
  coordinator.start();
  return code === 0 && (claim === undefined || (claim.state === 'waiting' && claim.isFree));
}

async function published(catalog: Catalog, world: World): Promise<number> {
  const [progress] = await catalog.progress(world.tenants.map(({ id }) => id));
  return progress?.published ?? 0;
}
