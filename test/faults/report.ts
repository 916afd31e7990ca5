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
  /** What operators and those who change tables did. */
  readonly changes = new Map<string, number>();
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
      if (entry.e === 'change') this.changes.set(entry.what, (this.changes.get(entry.what) ?? 0) + 1);
      if (entry.e === 'keyed-answer' || entry.e === 'keyed-rows') {
        const what = entry.e === 'keyed-rows' ? 'reads of keyed tables' : 'requests to keyed tables';
        this.changes.set(what, (this.changes.get(what) ?? 0) + 1);
      }
      if (entry.e === 'resolved') {
        const what = `dead letters answered as ${entry.state}`;
        this.changes.set(what, (this.changes.get(what) ?? 0) + 1);
      }
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
    ['changes', [...tally.changes.values()].reduce((sum, count) => sum + count, 0)],
    ...sorted(tally.changes).map(([what, count]): [string, number] => [`  ${what}`, count]),
    ['lost', tally.count('lost')],
    ['duplicated', tally.count('duplicated')],
    ['stale', tally.count('stale')],
    ['torn', tally.count('torn')],
    ['other violations', other],
  ];
}

/** The lines about recovery; counts its two bounds. */
export function recoveryRows(recovery: Recovery, score: Score): [string, string][] {
  const { kills, leaseMs, recoveryMs, slackMs, stops, claimsGivenBack } = recovery;
  const lateMs = Math.max(
    ...kills.map(({ movedMs, startedMs }) => movedMs - Math.max(leaseMs, startedMs) - recoveryMs),
  );
  score.count(lateMs <= slackMs);
  score.count(claimsGivenBack === stops);
  const verdict = lateMs <= 0 ? 'kept' : lateMs <= slackMs ? `kept with ${slackMs} ms of slack` : 'FAILED';
  const list = (values: readonly number[]): string => values.map(Math.round).join(', ');
  return [
    [
      'watermark moves after a kill of the only coordinator',
      `${list(kills.map(({ movedMs }) => movedMs))} ms; at most ${leaseMs + recoveryMs} ms: ${verdict}`,
    ],
    ['the next process answered', `${list(kills.map(({ startedMs }) => startedMs))} ms after the kill`],
    ['graceful stops that gave their claim back at once', `${claimsGivenBack} of ${stops}`],
  ];
}
