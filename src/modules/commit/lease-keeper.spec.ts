import { createLogger, type Clock } from '../../kernel/index.js';
import type { Claim, IngestBus } from '../bus/index.js';
import { withLease } from './lease-keeper.js';

/** Time passes by sleeping alone. */
class SleepingClock implements Clock {
  private time = 0;
  now = () => this.time;
  sleep = async (ms: number): Promise<void> => {
    this.time += ms;
    await new Promise((resolve) => setImmediate(resolve));
  };
}

const claim = { claimId: 1, attempt: 1 } as Claim;
const outer = new AbortController().signal;
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

function keeperOf(extendLease: IngestBus['extendLease']) {
  const clock = new SleepingClock();
  const bus = { extendLease } as IngestBus;
  return { clock, bus, logger: createLogger('silent'), leaseMs: 30_000 };
}

describe('withLease', () => {
  it('extends the lease while the work goes on', async () => {
    let extended = 0;
    const keeper = keeperOf(() => Promise.resolve((extended += 1) > 0));
    const work = async () => {
      while (extended < 5) await new Promise((resolve) => setImmediate(resolve));
      return 'done';
    };
    expect(await withLease(claim, keeper, outer, work)).toBe('done');
  });

  it('ends the work when the lease is lost', async () => {
    const keeper = keeperOf(() => Promise.resolve(false));
    await expect(withLease(claim, keeper, outer, untilAborted)).rejects.toThrow('the lease was lost');
    expect(keeper.clock.now()).toBe(10_000);
  });

  it('bears faults of the bus until the lease is over', async () => {
    const keeper = keeperOf(() => Promise.reject(new Error('away')));
    await expect(withLease(claim, keeper, outer, untilAborted)).rejects.toThrow('the lease ran out');
    expect(keeper.clock.now()).toBe(40_000);
  });

  it('ends work that hangs, however long the lease could be extended', async () => {
    const keeper = keeperOf(() => Promise.resolve(keeper.clock.now() < 3_600_000));
    await expect(withLease(claim, keeper, outer, untilAborted)).rejects.toThrow('the commit took too long');
    expect(keeper.clock.now()).toBe(610_000);
  });
});
