import type { Clock } from '../../kernel/index.js';

/** A tenant whose commit is due. */
export interface DueTenant {
  readonly tenantId: string;
  /** Milliseconds that its oldest event has waited. */
  readonly oldestAgeMs: number;
  /** Someone waits for a token of it. */
  readonly waitedFor: boolean;
}

export interface ScheduleOptions {
  /** Commits at once. */
  readonly slots: number;
  readonly clock: Clock;
  /** One commit of one tenant. Must not reject. */
  readonly commit: (tenantId: string, signal: AbortSignal) => Promise<void>;
  /** A slot is free and nobody is known to want it: it is time for a look. */
  readonly onFree: () => void;
}

/** Nobody is passed over for longer than this by tenants that are waited for. */
const MAX_PASSED_OVER_MS = 10_000;

/**
 * The commits of one process, each on its own. A free slot goes to the tenant that has waited longest since its last
 * turn, those that are waited for before the others; so however much one tenant has to commit, it goes behind the rest
 * after each file. Has at most one commit of a tenant under way.
 */
export class Schedule {
  private readonly running = new Map<string, Promise<void>>();
  private readonly lastTurns = new Map<string, number>();
  private waiting: DueTenant[] = [];
  private outdated = false;
  /** Of the last look; commits that start without one go by it. */
  private signal: AbortSignal | undefined;
  private takenUpSince = 0;

  constructor(private readonly options: ScheduleOptions) {}

  /** For how many milliseconds no slot has been free; 0 where one is. */
  get takenUpMs(): number {
    return this.isFull ? Math.max(0, this.options.clock.now() - this.takenUpSince) : 0;
  }

  /** What a look found, in place of what the one before had found. */
  offer(due: readonly DueTenant[], signal: AbortSignal): void {
    const rank = (one: DueTenant) => this.rankOf(one);
    this.waiting = due
      .map((one) => ({ one, rank: rank(one) }))
      .sort((a, b) => a.rank.group - b.rank.group || b.rank.waitedMs - a.rank.waitedMs)
      .map(({ one }) => one);
    this.outdated = false;
    this.signal = signal;
    this.fill(signal);
  }

  /** Starts a commit ahead of the next look. Answers false where there has been none, or others come first. */
  startNow(tenantId: string): boolean {
    const { signal } = this;
    if (signal === undefined || signal.aborted || this.isFull) return false;
    if (this.waiting.length > 0 || this.running.has(tenantId)) return false;
    this.start(tenantId, signal);
    return true;
  }

  /** Something changed since the last look. Answers whether a new one could start a commit now. */
  outdate(): boolean {
    this.outdated = true;
    return !this.isFull;
  }

  /** Resolves when no commit is under way. */
  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.values());
  }

  private get isFull(): boolean {
    return this.running.size >= this.options.slots;
  }

  private rankOf({ tenantId, oldestAgeMs, waitedFor }: DueTenant): { group: number; waitedMs: number } {
    const sinceTurnMs = this.options.clock.now() - (this.lastTurns.get(tenantId) ?? -Infinity);
    const waitedMs = Math.min(oldestAgeMs, sinceTurnMs);
    return { group: waitedFor || waitedMs > MAX_PASSED_OVER_MS ? 0 : 1, waitedMs };
  }

  private fill(signal: AbortSignal): void {
    while (!this.isFull && !signal.aborted) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      if (!this.running.has(next.tenantId)) this.start(next.tenantId, signal);
    }
  }

  private start(tenantId: string, signal: AbortSignal): void {
    const { clock, commit } = this.options;
    this.running.set(
      tenantId,
      commit(tenantId, signal).finally(() => this.end(tenantId, signal)),
    );
    this.takenUpSince = clock.now();
  }

  private end(tenantId: string, signal: AbortSignal): void {
    this.running.delete(tenantId);
    this.lastTurns.set(tenantId, this.options.clock.now());
    this.waiting = this.waiting.filter((one) => one.tenantId !== tenantId);
    if (!this.outdated) this.fill(signal);
    if (!this.isFull) this.options.onFree();
  }
}
