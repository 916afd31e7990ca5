import type { Catalog } from './catalog.js';
import { READER, WRITER, type RoundPlan, type Step, type StepKind } from './plan.js';
import type { RoundOptions } from './round.js';
import { eventually } from './eventually.js';
import { USUAL_SERVICES } from './stack.js';
import type { WriterPlan } from './writers.js';

/** A load and faults that bring one kind of mistake to light, if there is one. */
export interface Scenario {
  readonly services: readonly { readonly name: string; readonly roles: string }[];
  readonly env?: Readonly<Record<string, string>>;
  /** How long a process that stops itself is left so. */
  readonly stoppedForMs?: number;
  readonly plan: Omit<RoundPlan, 'name' | 'seed'>;
  readonly options?: RoundOptions;
}

const ONE_COORDINATOR = USUAL_SERVICES.filter(({ name }) => name !== 'coordinator-2');
const QUIET: WriterPlan = {
  ...WRITER,
  sizes: [[1, 1, 40]],
  resends: 0,
  echoes: 0,
  twins: 0,
  overlaps: 0,
  misfits: 0,
  brief: 0,
  abuses: 0,
  abandons: 0,
  pauseMs: [5, 60],
};

const writers = (count: number, change: Partial<WriterPlan> = {}): WriterPlan[] =>
  Array.from({ length: count }, () => ({ ...QUIET, ...change }));

const steps = (count: number, kind: StepKind, on: string, pauseMs: number, ms = 0): Step[] =>
  Array.from({ length: count }, () => ({ kind, on, pauseMs, ms }));

const base = { tenants: 1, tables: 1, healSeconds: 20, readers: [READER], lives: {}, steps: [] };

const ZOMBIE = { 'coordinator-1': ['commit.uploaded=stop@1'] };
const LONG_MS = 60_000;
const PATIENCE_MS = 40_000;
const HELD_MS = 1_000;

/** Holds the second coordinator back until the first has stopped itself in its work; wakes that when `ripe` says so. */
const wakeZombie =
  (
    ripe: (catalog: Catalog, tenant: string, then: Then) => Promise<boolean>,
  ): NonNullable<RoundOptions['beside']> =>
  async ({ stack, tenants }, catalog) => {
    const zombie = stack.named('coordinator-1');
    const other = stack.named('coordinator-2');
    const tenant = tenants[0]?.id ?? '';
    await other.holdDown();
    await eventually(PATIENCE_MS, () => zombie.isPaused);
    const then = { claim: await catalog.claim(tenant), published: await publishedOf(catalog, tenant) };
    other.start();
    await eventually(PATIENCE_MS, () => ripe(catalog, tenant, then), 20);
    zombie.resume();
  };

interface Then {
  readonly claim: { readonly attempt: number } | undefined;
  readonly published: number;
}

const publishedOf = async (catalog: Catalog, tenant: string): Promise<number> =>
  (await catalog.progress([tenant]))[0]?.published ?? 0;

/** Until a claim has been held for a second and nothing was published meanwhile. */
async function untilHeld(catalog: Catalog, tenant: string): Promise<void> {
  let published = -1;
  let since = 0;
  await eventually(PATIENCE_MS, async () => {
    const now = await publishedOf(catalog, tenant);
    const isHeld = (await catalog.claim(tenant))?.state === 'live' && now === published;
    if (!isHeld) since = performance.now();
    published = now;
    return isHeld && performance.now() - since > HELD_MS;
  });
}

export const SCENARIOS = {
  'many writers': {
    services: ONE_COORDINATOR,
    plan: { ...base, seconds: 8, writers: writers(8, { pauseMs: [0, 15] }) },
  },
  'a zombie wakes while another works': {
    services: USUAL_SERVICES,
    stoppedForMs: LONG_MS,
    plan: {
      ...base,
      seconds: 14,
      writers: writers(2),
      lives: { ...ZOMBIE, 'coordinator-2': ['', 'commit.uploaded=delay(3000)'] },
    },
    options: {
      beside: wakeZombie(async (catalog, tenant, then) => {
        const claim = await catalog.claim(tenant);
        return claim !== undefined && claim.attempt > (then.claim?.attempt ?? 0);
      }),
    },
  },
  'a zombie wakes after another published': {
    services: USUAL_SERVICES,
    stoppedForMs: LONG_MS,
    plan: { ...base, seconds: 12, writers: writers(2), lives: { ...ZOMBIE, 'coordinator-2': [''] } },
    options: {
      beside: wakeZombie(
        async (catalog, tenant, then) => (await publishedOf(catalog, tenant)) > then.published,
      ),
    },
  },
  'pending rows are swept': {
    services: ONE_COORDINATOR,
    plan: {
      ...base,
      seconds: 8,
      writers: writers(3),
      lives: { 'coordinator-1': ['commit.uploaded=delay(250):1000'] },
      steps: steps(20, 'sweep-pending-rows', 'coordinator-1', 300),
    },
  },
  'every request twice at once': {
    services: ONE_COORDINATOR,
    plan: { ...base, seconds: 8, writers: writers(4, { twins: 1 }) },
  },
  'every request twice across rotations': {
    services: ONE_COORDINATOR,
    // Windows of four seconds: longer than a twin may come late, and short enough for several rotations.
    env: { TIDEMARK_WINDOW_DIVISOR: '21600', TIDEMARK_PURGE_CRON: '* * * * * *' },
    plan: {
      ...base,
      tenants: 4,
      seconds: 25,
      writers: writers(12, { twins: 1, pauseMs: [0, 10] }),
      receipts: false,
    },
  },
  'kills after uploads': {
    services: ONE_COORDINATOR,
    plan: {
      ...base,
      seconds: 60,
      writers: writers(2),
      lives: { 'coordinator-1': Array.from({ length: 4 }, () => 'store.put.done=kill@1') },
    },
    // The last life has begun, however long that takes on a busy machine: a round without a kill shows nothing.
    options: { until: ({ stack }) => stack.named('coordinator-1').lives.length === 0 },
  },
  'the only coordinator dies and stays away': {
    services: ONE_COORDINATOR,
    env: { TIDEMARK_EXPIRED_LEASES_CRON: '* * * * * *' },
    plan: {
      ...base,
      seconds: 14,
      writers: writers(2),
      lives: { 'coordinator-1': ['commit.claimed=pause@2', '', ''] },
    },
    options: {
      beside: async ({ stack, tenants }, catalog) => {
        const coordinator = stack.named('coordinator-1');
        const tenant = tenants[0]?.id ?? '';
        await untilHeld(catalog, tenant);
        await coordinator.holdDown();
        await eventually(PATIENCE_MS, async () => (await catalog.claim(tenant))?.state !== 'live');
        coordinator.start();
      },
    },
  },
  'old and new keys together': {
    services: ONE_COORDINATOR,
    plan: { ...base, seconds: 8, writers: writers(3, { overlaps: 0.5, perRequestKeys: 0 }) },
  },
  'dead letters are replayed': {
    services: ONE_COORDINATOR,
    plan: { ...base, seconds: 15, changes: true, writers: writers(3, { misfits: 0.5 }) },
  },
  'the object store goes away': {
    services: ONE_COORDINATOR,
    plan: {
      ...base,
      seconds: 10,
      writers: writers(3),
      steps: steps(2, 'store-cut', 'coordinator-1', 1_500, 2_000),
    },
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;
