import { setTimeout as delay } from 'node:timers/promises';

/** Until `condition` holds, or `withinMs` are over: answers which. An error of it counts as "not yet". */
export async function eventually(
  withinMs: number,
  condition: () => boolean | Promise<boolean>,
  everyMs = 50,
): Promise<boolean> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    if (
      await Promise.resolve()
        .then(condition)
        .catch(() => false)
    )
      return true;
    if (performance.now() > giveUpAt) return false;
    await delay(everyMs);
  }
}
