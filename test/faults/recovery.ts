import { join } from 'node:path';
import { Catalog } from './catalog.js';
import { History } from './history.js';
import { WRITER } from './plan.js';
import { Random } from './random.js';
import { eventually, type Servers } from './servers.js';
import { LEASE_MS, Stack, USUAL_SERVICES } from './stack.js';
import { Counters, World } from './world.js';
import { runWriter } from './writers.js';

/** The promise: after a kill of the only coordinator the watermark moves again within the lease and this. */
const RECOVERY_MS = 1_000;
/** What a busy machine may add: the process has to start, and the look at it comes late. */
const SLACK_MS = 1_500;
const KILLS = 5;
const STOPS = 3;
const WAIT_MS = 30_000;

export interface Recovery {
  /** From each death to the next move of the watermark. */
  readonly movedAfterMs: readonly number[];
  readonly boundMs: number;
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
    const writer = runWriter(world, { ...WRITER, sizes: [[1, 1, 20]], pauseMs: [10, 50] }, new Random(1));
    const movedAfterMs: number[] = [];
    for (let i = 0; i < KILLS; i += 1) movedAfterMs.push(await recoverFromKill(stack, catalog, world));
    let claimsGivenBack = 0;
    for (let i = 0; i < STOPS; i += 1) if (await stopGracefully(stack, catalog, world)) claimsGivenBack += 1;
    world.stopping = true;
    await writer;
    return {
      movedAfterMs,
      boundMs: LEASE_MS + RECOVERY_MS,
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

async function recoverFromKill(stack: Stack, catalog: Catalog, world: World): Promise<number> {
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
  const moved = await eventually(WAIT_MS, async () => (await published(catalog, world)) > before, 20);
  return moved ? performance.now() - diedAt : Infinity;
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
