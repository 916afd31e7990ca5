import { BackgroundLoop } from './background-loop.js';
import { createLogger } from './logger.js';
import type { Clock } from './clock.js';

/** A clock whose sleeps end when the test says so. */
class ManualClock implements Clock {
  readonly sleeps: { ms: number; end: () => void }[] = [];
  private asleep: (() => void) | undefined;

  now = () => 1000;

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      this.sleeps.push({ ms, end: resolve });
      signal?.addEventListener('abort', () => resolve(), { once: true });
      this.asleep?.();
    });

  untilAsleep(count: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.sleeps.length >= count) resolve();
      };
      this.asleep = check;
      check();
    });
  }
}

function loopOf(runOnce: (signal: AbortSignal) => Promise<boolean>) {
  const clock = new ManualClock();
  const loop = new BackgroundLoop({
    name: 'test',
    clock,
    logger: createLogger('silent'),
    idleMs: 100,
    maxBackoffMs: 1000,
    runOnce,
  });
  return { clock, loop };
}

describe('BackgroundLoop', () => {
  it('turns again at once while there is more to do, then pauses', async () => {
    let turns = 0;
    const { clock, loop } = loopOf(() => Promise.resolve(++turns < 3));
    loop.start();
    await clock.untilAsleep(1);
    expect(turns).toBe(3);
    expect(clock.sleeps[0]?.ms).toBe(100);
    await loop.stop();
  });

  it('backs off after failures up to the limit, and forgets them after a success', async () => {
    let turns = 0;
    const { clock, loop } = loopOf(() =>
      ++turns <= 5 ? Promise.reject(new Error('no')) : Promise.resolve(false),
    );
    loop.start();
    for (let i = 1; i <= 6; i++) {
      await clock.untilAsleep(i);
      clock.sleeps[i - 1]?.end();
    }
    expect(clock.sleeps.slice(0, 6).map((sleep) => sleep.ms)).toEqual([200, 400, 800, 1000, 1000, 100]);
    await loop.stop();
  });

  it('is woken from its pause, and keeps a wake that came during a turn', async () => {
    let turns = 0;
    const { clock, loop } = loopOf(() => {
      turns += 1;
      if (turns === 2) loop.wake();
      return Promise.resolve(false);
    });
    loop.start();
    await clock.untilAsleep(1);
    loop.wake();
    await clock.untilAsleep(2);
    expect(turns).toBe(3);
    await loop.stop();
  });

  it('waits in stop for the turn under way, whose signal aborts', async () => {
    let aborted = false;
    let started: () => void = () => undefined;
    const running = new Promise<void>((resolve) => (started = resolve));
    const { loop } = loopOf(
      (signal) =>
        new Promise((resolve) => {
          started();
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve(false);
          });
        }),
    );
    loop.start();
    await running;
    await loop.stop();
    expect(aborted).toBe(true);
  });
});
