import type { Clock } from './clock.js';
import type { Logger } from './logger.js';

export interface LoopOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Pause between two turns that found nothing to do, in milliseconds. */
  readonly idleMs: number;
  /** Longest pause after a turn that failed; the pause doubles from `idleMs` up to it. */
  readonly maxBackoffMs: number;
  /** One turn. Answers true when there may be more to do at once. */
  readonly runOnce: (signal: AbortSignal) => Promise<boolean>;
}

/**
 * Runs turns one after the other until stopped. A failed turn is logged and tried again with back-off.
 * State: stopped -> running -> stopping -> stopped.
 */
export class BackgroundLoop {
  private abort: AbortController | undefined;
  private wakeup: AbortController | undefined;
  private finished: Promise<void> = Promise.resolve();
  private woken = false;
  private failures = 0;
  private turnEndedAt = 0;

  constructor(private readonly options: LoopOptions) {}

  /** When the last turn that did not fail ended, in milliseconds since the epoch; 0 before the first. */
  get lastTurnAt(): number {
    return this.turnEndedAt;
  }

  start(): void {
    if (this.abort !== undefined) return;
    const abort = new AbortController();
    this.abort = abort;
    this.finished = this.run(abort.signal);
  }

  /** Ends the pause between turns, if the loop is in one; the next pause is skipped otherwise. */
  wake(): void {
    this.woken = true;
    this.wakeup?.abort();
  }

  /** Aborts the signal that turns were given and resolves when the turn under way has ended. */
  async stop(): Promise<void> {
    this.abort?.abort();
    this.wakeup?.abort();
    await this.finished;
    this.abort = undefined;
  }

  private async run(signal: AbortSignal): Promise<void> {
    const { clock, idleMs } = this.options;
    while (!signal.aborted) {
      const pauseMs = await this.turn(signal);
      if (pauseMs === 0 || signal.aborted) continue;
      if (this.woken && this.failures === 0) {
        this.woken = false;
        continue;
      }
      this.wakeup = new AbortController();
      await clock.sleep(Math.max(pauseMs, idleMs), this.wakeup.signal);
      this.wakeup = undefined;
      this.woken = false;
    }
  }

  /** Answers how long to pause, in milliseconds. */
  private async turn(signal: AbortSignal): Promise<number> {
    const { clock, logger, name, idleMs, maxBackoffMs, runOnce } = this.options;
    try {
      const more = await runOnce(signal);
      this.failures = 0;
      this.turnEndedAt = clock.now();
      return more ? 0 : idleMs;
    } catch (error) {
      if (signal.aborted) return 0;
      this.failures += 1;
      const pauseMs = Math.min(maxBackoffMs, idleMs * 2 ** Math.min(this.failures, 16));
      logger.warn({ err: error, loop: name, failures: this.failures, pauseMs }, 'a turn of the loop failed');
      return pauseMs;
    }
  }
}
