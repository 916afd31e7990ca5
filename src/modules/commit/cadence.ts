import type { Backlog } from '../bus/index.js';

export interface CadenceSettings {
  readonly maxDelayMs: number;
  readonly targetRows: number;
  readonly targetBytes: number;
}

/** What the coordinator remembers of a tenant between two commits. Times in milliseconds of the process's clock. */
export interface TenantPace {
  readonly lastEndedAt: number;
  readonly lastDurationMs: number;
}

const MIN_PAUSE_MS = 50;
const PAUSE_FACTOR = 2;
/** A commit that seems to take longer than half of this is more likely a step of the clock. */
const MAX_PAUSE_MS = 5 * 60_000;

/**
 * Whether a commit is due: someone waits for a token, the gathered rows or bytes reach the target file, or the delay
 * is over. Answers the milliseconds until then: 0 for now, Infinity while nothing but the next look can tell.
 *
 * Between two commits lie at least 50 ms and twice the last commit's time, so that files stay few; but a backlog that
 * fills a whole file gains nothing by waiting and is not held back.
 */
export function dueInMs(
  backlog: Backlog,
  flushToken: number,
  pace: TenantPace | undefined,
  now: number,
  settings: CadenceSettings,
): number {
  if (backlog.pendingEvents >= settings.targetRows || backlog.pendingBytes >= settings.targetBytes) return 0;
  const pauseMs =
    pace === undefined
      ? 0
      : Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, PAUSE_FACTOR * pace.lastDurationMs));
  // Never longer than the pause itself, also where the clock was set back since.
  const pauseLeftMs =
    pace === undefined ? 0 : Math.min(pauseMs, Math.max(0, pace.lastEndedAt + pauseMs - now));
  const waitedFor = flushToken > backlog.publishedToken;
  const delayLeftMs = waitedFor ? 0 : Math.max(0, settings.maxDelayMs - backlog.oldestAgeMs);
  return Math.max(pauseLeftMs, delayLeftMs);
}
