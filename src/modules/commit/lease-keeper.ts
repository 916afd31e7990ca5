import { type Clock, type Logger } from '../../kernel/index.js';
import type { Claim, IngestBus } from '../bus/index.js';

/**
 * Runs `work` while extending the claim's lease at a third of its length. When the lease is lost, the signal that
 * `work` was given aborts; so it does when `outer` aborts.
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
    let heldUntil = clock.now() + leaseMs;
    for (;;) {
      await clock.sleep(leaseMs / 3, done.signal);
      if (done.signal.aborted) return;
      const askedAt = clock.now();
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
