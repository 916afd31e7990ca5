import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from './catalog.js';
import type { Step, StepKind } from './plan.js';
import type { ServiceProcess } from './service-process.js';
import type { Random } from './random.js';
import { eventually } from './eventually.js';
import { spoilEvents } from './spoiled-events.js';
import { LEASE_MS, type Stack } from './stack.js';
import type { World } from './world.js';

/** Longest wait for a trap that waits for traffic. */
const TRAP_MS = 4_000;

interface Scene {
  readonly stack: Stack;
  readonly catalog: Catalog;
  readonly world: World;
  readonly random: Random;
  readonly service: ServiceProcess;
  readonly step: Step;
  /** Kills by the harness are told by the end of the process. `what` where it is not the step itself. */
  readonly record: (what?: string) => void;
}

type Deed = (scene: Scene) => Promise<void>;

const DEEDS: Record<StepKind, Deed> = {
  kill: async ({ service }) => {
    await service.kill();
  },
  'kill-all': async ({ stack }) => {
    await Promise.all(stack.services.map((service) => service.kill()));
  },
  'kill-in-upload': async (scene) => {
    if (!(await within(scene.service.objects.cutUpload('.parquet')))) return scene.record('no upload to cut');
    await scene.service.kill('in half an upload');
  },
  stop: async ({ service, step, record }) => {
    record();
    service.pause();
    await delay(LEASE_MS + step.ms / 2);
    service.resume();
  },
  'database-cut': link('database', (proxy) => proxy.cut()),
  'database-stall': link('database', (proxy) => Promise.resolve(proxy.stall())),
  'database-drop': drop('database'),
  'database-commit-never-sent': trap((service) =>
    service.database.cutAt({ sent: 'COMMIT\0', when: 'before' }),
  ),
  'database-commit-reply-lost': trap((service) =>
    service.database.cutAt({ sent: 'COMMIT\0', when: 'after' }),
  ),
  'database-ingest-reply-lost': trap((service) =>
    service.database.cutAt({ sent: 'ingest_group', when: 'after' }),
  ),
  'store-cut': link('objects', (proxy) => proxy.cut()),
  'store-stall': link('objects', (proxy) => Promise.resolve(proxy.stall())),
  'store-drop': drop('objects'),
  'store-upload-cut': trap((service) => service.objects.cutUpload('.parquet')),
  'postgres-fast': postgres('SIGINT'),
  'postgres-immediate': postgres('SIGQUIT'),
  'postgres-kill': postgres('SIGKILL'),
  'sweep-pending-rows': async ({ catalog, record }) => {
    const swept = await catalog.sweepPendingFiles();
    record(swept > 0 ? undefined : 'no pending row to sweep');
  },
  'spoil-events': async ({ world, catalog, random, record }) => {
    const spoiled = await eventually(TRAP_MS, () => spoilEvents(world, catalog, random));
    record(spoiled ? undefined : 'no event to spoil');
  },
};

/** Does one step after the other until the world stops. */
export async function runNemesis(
  world: World,
  catalog: Catalog,
  steps: readonly Step[],
  random: Random,
): Promise<void> {
  for (const step of steps) {
    await delay(step.pauseMs);
    if (world.stopping) return;
    const { stack } = world;
    const record = (what: string = step.kind): void =>
      world.record({ e: 'fault', what, on: step.on, kill: false });
    const service = stack.named(step.on);
    await DEEDS[step.kind]({ stack, catalog, world, random, service, step, record });
  }
}

function link(side: 'database' | 'objects', act: (proxy: ServiceProcess['database']) => Promise<void>): Deed {
  return async ({ service, step, record }) => {
    record();
    await act(service[side]);
    await delay(step.ms);
    await service[side].mend();
  };
}

function drop(side: 'database' | 'objects'): Deed {
  return ({ service, record }) => {
    record();
    service[side].drop();
    return Promise.resolve();
  };
}

function trap(set: (service: ServiceProcess) => Promise<void>): Deed {
  return async ({ service, record, step }) => {
    record((await within(set(service))) ? undefined : `${step.kind}: nothing came by`);
  };
}

function postgres(signal: NodeJS.Signals): Deed {
  return ({ stack, record }) => {
    record();
    stack.servers.postgres.signal(signal);
    return Promise.resolve();
  };
}

async function within(trap: Promise<void>): Promise<boolean> {
  return Promise.race([trap.then(() => true), delay(TRAP_MS, false, { ref: false })]);
}
