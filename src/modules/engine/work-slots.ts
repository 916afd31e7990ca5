interface Waiter {
  readonly key: string;
  readonly admit: () => void;
}

export interface SlotOptions {
  /** Pieces of work at once. */
  readonly slots: number;
  /** Pieces at once of one key. */
  readonly slotsPerKey?: number;
  /** Waiters at most, in all; `onFull` makes the error for one more. */
  readonly maxWaiting: number;
  readonly onFull: () => Error;
}

/**
 * Bounded concurrency with a short queue that is fair: keys take turns, however many waiters one has.
 * In order within a key.
 */
export class WorkSlots {
  private readonly running = new Map<string, number>();
  private readonly waiting = new Map<string, Waiter[]>();
  private total = 0;
  private queued = 0;

  constructor(private readonly options: SlotOptions) {}

  /** Resolves with the function that gives the slot back. Rejects when full, or with the signal's reason. */
  async acquire(key: string, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (!this.mayRun(key)) await this.wait(key, signal);
    else this.take(key);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.give(key);
    };
  }

  private mayRun(key: string): boolean {
    const { slots, slotsPerKey = slots } = this.options;
    return this.total < slots && (this.running.get(key) ?? 0) < slotsPerKey;
  }

  private wait(key: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.queued >= this.options.maxWaiting) throw this.options.onFull();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        key,
        admit: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = () => {
        this.remove(waiter);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', leave, { once: true });
      const line = this.waiting.get(key);
      if (line === undefined) this.waiting.set(key, [waiter]);
      else line.push(waiter);
      this.queued += 1;
    });
  }

  private take(key: string): void {
    this.total += 1;
    this.running.set(key, (this.running.get(key) ?? 0) + 1);
  }

  private give(key: string): void {
    this.total -= 1;
    const left = (this.running.get(key) ?? 1) - 1;
    if (left === 0) this.running.delete(key);
    else this.running.set(key, left);
    for (const [next, line] of this.waiting) {
      if (!this.mayRun(next)) continue;
      const waiter = line[0];
      if (waiter === undefined) continue;
      this.remove(waiter);
      this.moveToEnd(next);
      this.take(next);
      waiter.admit();
      return;
    }
  }

  private remove(waiter: Waiter): void {
    const line = this.waiting.get(waiter.key);
    const at = line?.indexOf(waiter) ?? -1;
    if (line === undefined || at < 0) return;
    line.splice(at, 1);
    this.queued -= 1;
    if (line.length === 0) this.waiting.delete(waiter.key);
  }

  private moveToEnd(key: string): void {
    const line = this.waiting.get(key);
    if (line === undefined) return;
    this.waiting.delete(key);
    this.waiting.set(key, line);
  }
}
