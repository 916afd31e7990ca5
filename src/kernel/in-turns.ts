import { setImmediate as nextTurn } from 'node:timers/promises';

const ITEMS_PER_TURN = 2_000;

/** Visits every item in order, with pauses, so that many do not hold up all else. */
export async function inTurns<T>(
  items: readonly T[],
  visit: (item: T, index: number) => void,
): Promise<void> {
  for (let start = 0; start < items.length; start += ITEMS_PER_TURN) {
    if (start > 0) await nextTurn();
    const end = Math.min(start + ITEMS_PER_TURN, items.length);
    for (let index = start; index < end; index++) visit(items[index] as T, index);
  }
}
