import type { Entry } from './history.js';
import type { Verdict } from './model/checker.js';
import type { Violation } from './model/violation.js';
import type { Recovery } from './recovery.js';
import type { Score } from './score.js';
import { KILL_POINTS, STEP_KINDS } from './plan.js';

export const say = (line: string): void => console.log(line);

/** Sums over all rounds of a run. */
export class Tally {
  rounds = 0;
  acknowledgedEvents = 0;
  acknowledgedRequests = 0;
  unknownRequests = 0;
  answeredReads = 0;
  checkedFiles = 0;
  /** With every point at which a run may kill, so that the table shows those that were not reached. */
  readonly kills = new Map<string, number>(
    [...KILL_POINTS.map((point) => `at ${point}`), 'in half an upload'].map((when) => [`kill ${when}`, 0]),
  );
  readonly faults = new Map<string, number>(
    STEP_KINDS.filter((kind) => !kind.startsWith('kill')).map((kind) => [kind, 0]),
  );
  readonly violations: Violation[] = [];

  addRound(verdict: Verdict, entries: Iterable<Entry>): void {
    this.rounds += 1;
    this.acknowledgedEvents += verdict.acknowledgedEvents;
    this.acknowledgedRequests += verdict.acknowledgedRequests;
    this.unknownRequests += verdict.unknownRequests;
    this.answeredReads += verdict.answeredReads;
    this.checkedFiles += verdict.checkedFiles;
    this.violations.push(...verdict.violations);
    for (const entry of entries) {
      if (entry.e !== 'fault') continue;
      const counts = entry.kill ? this.kills : this.faults;
      counts.set(entry.what, (counts.get(entry.what) ?? 0) + 1);
    }
  }

  count(kind: Violation['kind']): number {
    return this.violations.filter((violation) => violation.kind === kind).length;
  }

  /** Points at which nothing was killed, and steps that never came about. */
  get unreached(): string[] {
    return [...this.kills, ...this.faults].filter(([, count]) => count === 0).map(([what]) => what);
  }

  get killed(): number {
    return [...this.kills.values()].reduce((sum, count) => sum + count, 0);
  }
}

export function printTable(rows: readonly (readonly [string, string | number])[]): void {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows)
    say(`${name.padEnd(width)}  ${typeof value === 'number' ? value.toLocaleString('en') : value}`);
}

/** The lines of the run's table about its rounds. */
export function roundRows(tally: Tally): [string, string | number][] {
  const sorted = (counts: Map<string, number>) => [...counts].sort(([a], [b]) => a.localeCompare(b));
  const other = tally.violations.filter(
    ({ kind }) => !['lost', 'duplicated', 'stale', 'torn'].includes(kind),
  ).length;
  return [
    ['rounds', tally.rounds],
    ['acknowledged events', tally.acknowledgedEvents],
    ['acknowledged requests', tally.acknowledgedRequests],
    ['requests without an answer', tally.unknownRequests],
    ['reads answered', tally.answeredReads],
    ['files compared', tally.checkedFiles],
    ['kills', tally.killed],
    ...sorted(tally.kills).map(([what, count]): [string, number] => [`  ${what}`, count]),
    ['other faults', [...tally.faults.values()].reduce((sum, count) => sum + count, 0)],
    ...sorted(tally.faults).map(([what, count]): [string, number] => [`  ${what}`, count]),
    ['lost', tally.count('lost')],
    ['duplicated', tally.count('duplicated')],
    ['stale', tally.count('stale')],
    ['torn', tally.count('torn')],
    ['other violations', other],
  ];
}

/** The lines about recovery; counts its two bounds. */
export function recoveryRows(recovery: Recovery, score: Score): [string, string][] {
  const { movedAfterMs, boundMs, slackMs, stops, claimsGivenBack } = recovery;
  const slowest = Math.max(...movedAfterMs);
  score.count(slowest <= boundMs + slackMs);
  score.count(claimsGivenBack === stops);
  const verdict =
    slowest <= boundMs
      ? 'kept'
      : slowest <= boundMs + slackMs
        ? `kept with ${slackMs} ms of slack`
        : 'FAILED';
  return [
    [
      'watermark moves after a kill of the only coordinator',
      `${movedAfterMs.map(Math.round).join(', ')} ms; at most ${boundMs} ms: ${verdict}`,
    ],
    ['graceful stops that gave their claim back at once', `${claimsGivenBack} of ${stops}`],
  ];
}
