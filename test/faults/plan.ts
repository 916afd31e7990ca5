import { Random } from './random.js';
import type { ReaderPlan } from './readers.js';
import type { WriterPlan } from './writers.js';

/** One thing that the nemesis does. `on` names a service; `ms` is how long it lasts. */
export interface Step {
  readonly pauseMs: number;
  readonly kind: StepKind;
  readonly on: string;
  readonly ms: number;
}

export const STEP_KINDS = [
  'kill',
  'kill-all',
  'kill-in-upload',
  'stop',
  'database-cut',
  'database-stall',
  'database-drop',
  'database-commit-never-sent',
  'database-commit-reply-lost',
  'database-ingest-reply-lost',
  'store-cut',
  'store-stall',
  'store-drop',
  'store-upload-cut',
  'postgres-fast',
  'postgres-immediate',
  'postgres-kill',
  'sweep-pending-rows',
  'spoil-events',
] as const;
export type StepKind = (typeof STEP_KINDS)[number];

/** Steps that last for their `ms`, and those that wait until something comes by. */
const LASTING: ReadonlySet<StepKind> = new Set([
  'stop',
  'database-cut',
  'database-stall',
  'store-cut',
  'store-stall',
]);
const WAITING: ReadonlySet<StepKind> = new Set([
  'kill-in-upload',
  'database-commit-never-sent',
  'database-commit-reply-lost',
  'database-ingest-reply-lost',
  'store-upload-cut',
  'spoil-events',
]);
const LIKELY_WAIT_MS = 2_000;

export interface RoundPlan {
  readonly name: string;
  /** Of the writers' and readers' own choices. */
  readonly seed: number;
  readonly tenants: number;
  readonly tables: number;
  readonly seconds: number;
  /** How long after the last fault everything may take to be answered and visible. */
  readonly healSeconds: number;
  /** False where keys may be forgotten by the time that receipts are asked for. */
  readonly receipts?: boolean;
  readonly writers: readonly WriterPlan[];
  /** A table that comes and goes, schema changes, and an operator who tries dead letters again. */
  readonly changes?: boolean;
  readonly readers: readonly ReaderPlan[];
  /** Failpoints of the next lives of each service. */
  readonly lives: Readonly<Record<string, readonly string[]>>;
  readonly steps: readonly Step[];
}

export const WRITER: WriterPlan = {
  sizes: [
    [0.55, 250, 500],
    [0.25, 20, 120],
    [0.2, 1, 4],
  ],
  perRequestKeys: 0.5,
  waits: 0.25,
  resends: 0.12,
  echoes: 0.06,
  twins: 0.08,
  overlaps: 0.08,
  misfits: 0.08,
  brief: 0.08,
  abuses: 0.03,
  abandons: 0.2,
  pauseMs: [20, 250],
};
export const READER: ReaderPlan = { withToken: 0.5, onSnapshot: 0.25, withBrief: 0.2, pauseMs: [100, 600] };

/** Points at which a process kills itself, and how many passes it lets go by. */
const COORDINATOR_KILLS = [
  'commit.claimed',
  'commit.pending_row',
  'commit.uploaded',
  'commit.published',
  'database.commit',
  'database.committed',
  'store.put',
  'store.put.done',
] as const;
const MAINTENANCE_KILLS = ['ledger.rotated', 'ledger.leaf_dropped'] as const;
const API_KILLS = ['ingest.committed', 'store.get', 'store.get.done'] as const;

/** Every point at which a run kills, as its table lists them. */
export const KILL_POINTS: readonly string[] = [...API_KILLS, ...COORDINATOR_KILLS, ...MAINTENANCE_KILLS];

/** Faults without a kill, beside it in the same life. `@` is followed by the passes that go by before. */
const COORDINATOR_FAULTS = [
  'commit.uploaded=stop',
  'commit.claimed=stop',
  'commit.published=stop',
  'commit.uploaded=delay(700):4',
  'commit.claimed=error:2',
  'commit.published=error:2',
  'database.commit=unavailable:2',
  'database.committed=unavailable:3',
  'database.committed=delay(900):2',
  'store.put=unavailable:2',
  'store.put=truncate:2',
  'store.put.done=unavailable:3',
  'store.put.done=delay(1500):2',
] as const;
const API_FAULTS = [
  'ingest.committed=unavailable:4',
  'ingest.committed=delay(600):3',
  'ingest.committed=stop',
  'store.get=unavailable:3',
  'store.get=truncate:3',
  'store.get.done=delay(500):4',
] as const;

/** How long a step is likely to take after its pause. */
function likelyMs({ kind, ms }: Step): number {
  if (LASTING.has(kind)) return ms;
  return WAITING.has(kind) ? LIKELY_WAIT_MS : 0;
}

/** Deals every card once before any comes again. */
class Deck<T> {
  private readonly cards: readonly T[];
  private readonly random: Random;
  private left: T[] = [];

  constructor(cards: readonly T[], random: Random) {
    this.cards = cards;
    this.random = random;
  }

  next(): T {
    if (this.left.length === 0) this.left = this.random.shuffled(this.cards);
    const card = this.left.pop();
    if (card === undefined) throw new Error('a deck needs cards');
    return card;
  }
}

/** Of faults; then everything heals. */
export const ROUND_SECONDS = 60;
const LIVES_PER_ROUND = 40;
const COORDINATORS = ['coordinator-1', 'coordinator-2'];
const APIS = ['api-1', 'api-2'];

/**
 * The rounds of a run, one after the other without end. The same seed plans the same rounds; what the processes make
 * of them, in which order in time, no seed can repeat.
 */
export class Planner {
  private readonly random: Random;
  private readonly coordinatorKills: Deck<string>;
  private readonly apiKills: Deck<string>;
  private readonly maintenanceKills: Deck<string>;
  private readonly coordinatorFaults: Deck<string>;
  private readonly apiFaults: Deck<string>;
  private readonly steps: Deck<StepKind>;
  private postponed: Step | undefined;
  private rounds = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.coordinatorKills = new Deck(COORDINATOR_KILLS, this.random.fork());
    this.apiKills = new Deck(API_KILLS, this.random.fork());
    this.maintenanceKills = new Deck(MAINTENANCE_KILLS, this.random.fork());
    this.coordinatorFaults = new Deck(COORDINATOR_FAULTS, this.random.fork());
    this.apiFaults = new Deck(API_FAULTS, this.random.fork());
    this.steps = new Deck(STEP_KINDS, this.random.fork());
  }

  next(): RoundPlan {
    this.rounds += 1;
    const { random } = this;
    const lives: Record<string, string[]> = {};
    for (const service of [...COORDINATORS, ...APIS, 'maintenance-1']) lives[service] = [];
    // The next life of each in turn: few of them are begun, and these are to die at every point.
    for (let n = 0; n < LIVES_PER_ROUND; n += 1) {
      for (const service of COORDINATORS)
        lives[service]?.push(this.life(this.coordinatorKills, this.coordinatorFaults, 4, 30));
      for (const service of APIS) lives[service]?.push(this.life(this.apiKills, this.apiFaults, 10, 120));
      lives['maintenance-1']?.push(`${this.maintenanceKills.next()}=kill@${random.between(0, 2)}`);
    }
    return {
      name: `r${String(this.rounds).padStart(2, '0')}`,
      seed: random.between(1, 2 ** 31),
      tenants: 3,
      tables: 2,
      seconds: ROUND_SECONDS,
      healSeconds: 60,
      writers: Array.from({ length: 6 }, () => WRITER),
      changes: true,
      readers: Array.from({ length: 3 }, () => READER),
      lives,
      steps: this.stepsOf(ROUND_SECONDS),
    };
  }

  private life(kills: Deck<string>, faults: Deck<string>, least: number, most: number): string {
    const { random } = this;
    // Calls of the store are fewer than commits.
    const kill = kills.next();
    const scale = kill.startsWith('store.get') ? 0.3 : 1;
    const armed = [`${kill}=kill@${Math.round(random.between(least, most) * scale)}`];
    if (random.chance(0.6)) armed.push(`${faults.next()}@${random.between(1, least + 4)}`);
    return armed.join(',');
  }

  /** As many as fit; the next one begins the next round. What was dealt and not played would be missed in a short run. */
  private stepsOf(seconds: number): Step[] {
    const steps: Step[] = [];
    let leftMs = seconds * 1000;
    for (;;) {
      const step = this.postponed ?? this.step();
      this.postponed = undefined;
      leftMs -= step.pauseMs + likelyMs(step);
      if (leftMs < 0) {
        this.postponed = step;
        return steps;
      }
      steps.push(step);
    }
  }

  private step(): Step {
    const kind = this.steps.next();
    const { random } = this;
    const anywhere = [...APIS, ...COORDINATORS, 'maintenance-1'];
    const on = {
      kill: anywhere,
      stop: [...APIS, ...COORDINATORS],
      'kill-in-upload': COORDINATORS,
      'store-upload-cut': COORDINATORS,
      'database-commit-never-sent': COORDINATORS,
      'database-commit-reply-lost': COORDINATORS,
      'database-ingest-reply-lost': APIS,
    } as Partial<Record<StepKind, string[]>>;
    return {
      pauseMs: random.between(500, 3_500),
      kind,
      on: random.pick(on[kind] ?? [...APIS, ...COORDINATORS]),
      ms: random.between(800, 4_500),
    };
  }
}
