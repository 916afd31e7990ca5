import { Archive } from './archive.js';
import { readHistory } from './history.js';
import { Planner, ROUND_SECONDS } from './plan.js';
import { say, type Tally } from './report.js';
import { runRound } from './round.js';
import type { Score } from './score.js';
import type { Stack } from './stack.js';
import { Counters } from './world.js';

const SHOWN_VIOLATIONS = 20;

export const roundsOf = (minutes: number): number => Math.max(1, Math.round((minutes * 60) / ROUND_SECONDS));

/** Rounds of the seed's plan on one stack. Then the last snapshots of all their tenants are read again. */
export async function runRounds(
  stack: Stack,
  { seed, rounds }: { readonly seed: number; readonly rounds: number },
  tally: Tally,
  score: Score,
): Promise<void> {
  const planner = new Planner(seed);
  const counters = new Counters();
  const archive = new Archive();
  for (let i = 1; i <= rounds; i += 1) {
    const plan = planner.next();
    const done = await score.part(`round ${i}`, async () => {
      const startedAt = performance.now();
      const result = await runRound(stack, plan, counters);
      const { verdict, historyFile } = result;
      archive.add(result);
      tally.addRound(verdict, readHistory(historyFile));
      const { violations, acknowledgedEvents, answeredReads } = verdict;
      score.count(violations.length === 0);
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      say(
        `round ${i} of ${rounds}: ${acknowledgedEvents} events acknowledged, ${answeredReads} reads, ` +
          `${tally.killed} kills so far, ${violations.length} violations, ${seconds} s`,
      );
      for (const { kind, text } of violations.slice(0, SHOWN_VIOLATIONS)) say(`  ${kind}: ${text}`);
      if (violations.length > SHOWN_VIOLATIONS) say(`  … all of them follow from ${historyFile}`);
      return true;
    });
    if (done === undefined) await stack.heal();
  }
  const changed = await archive.compare(stack);
  tally.violations.push(...changed);
  score.count(changed.length === 0);
  say(`read ${archive.size} snapshots of all rounds again: ${changed.length} violations`);
  for (const { kind, text } of changed.slice(0, SHOWN_VIOLATIONS)) say(`  ${kind}: ${text}`);
}
