import { type Clock, type Logger } from '../../kernel/index.js';
import type { Claim, IngestBus } from '../bus/index.js';

/** Work that takes longer hangs: what it holds up, all tenants of a process in the worst case, goes on without it. */
const MAX_WORK_MS = 10 * 60_000;

/**
 * Runs `work` while extending the claim's lease at a third of its length. When the lease is lost, the signal that
 * `work` was given aborts; so it does when `outer` aborts, and after ten minutes.
 */
export async function withLease<T>(
  claim: Claim,
  keeper: { bus: IngestBus; clock: Clock; logger: Logger; leaseMs: number },
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const done = new AbortController();
  const extend = async (): Promise<void> => {
    const { bus, clock, logger, leaseMs } = keeper;
    const giveUpAt = clock.now() + MAX_WORK_MS;
    let heldUntil = clock.now() + leaseMs;
    for (;;) {
      await clock.sleep(leaseMs / 3, done.signal);
      if (done.signal.aborted) return;
      const askedAt = clock.now();
      if (askedAt > giveUpAt) return lost.abort(new Error('the commit took too long'));
      try {
        if (!(await bus.extendLease(claim, leaseMs))) return lost.abort(new Error('the lease was lost'));
        heldUntil = askedAt + leaseMs;
      } catch (error) {
        logger.warn({ err: error, claimId: claim.claimId }, 'the lease could not be extended');
        if (clock.now() > heldUntil) return lost.abort(new Error('the lease ran out', { cause: error }));
      }
    }
  };
  const extending = extend();
  try {
    return await work(AbortSignal.any([outer, lost.signal]));
  } finally {
    done.abort();
    await extending;
  }
}
