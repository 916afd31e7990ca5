import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;

/** Polls until `condition` holds; an error that it throws ends the wait. `what` names it in the timeout's message. */
export async function until(
  what: string,
  withinMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const giveUpAt = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) throw new Error(`waited ${withinMs} ms for ${what}`);
    await delay(POLL_MS);
  }
}
