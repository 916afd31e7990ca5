import type { Entry } from '../history.js';
import { checkChain, checkFiles } from './check-catalog.js';
import { checkKeyed } from './check-keyed.js';
import { checkReads } from './check-reads.js';
import { checkRequests } from './check-requests.js';
import { readModel } from './tenant-model.js';
import { Violations, type Violation } from './violation.js';

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly acknowledgedRequests: number;
  readonly acknowledgedEvents: number;
  /** Requests of which nobody was told whether they were taken. */
  readonly unknownRequests: number;
  readonly answeredReads: number;
  readonly checkedFiles: number;
}

/** Holds a history against the promises. Needs nothing but the history. */
export function check(entries: Iterable<Entry>): Verdict {
  const run = readModel(entries);
  const violations = new Violations();
  let acknowledgedRequests = 0;
  let acknowledgedEvents = 0;
  let unknownRequests = 0;
  let answeredReads = 0;
  for (const model of run.tenants.values()) {
    for (const { request, answers, refusal } of model.requests.values()) {
      if (answers.length > 0) {
        acknowledgedRequests += 1;
        acknowledgedEvents += request.count;
      } else if (refusal === undefined) unknownRequests += 1;
    }
    answeredReads += model.reads.filter(({ rows }) => rows !== undefined).length;
    if (model.final === undefined)
      violations.add('stuck', `the rows of ${model.tenant} could not be read in the end`);
    else checkRequests(model, violations);
    checkReads(model, violations);
    checkKeyed(model, violations);
    checkChain(model, violations);
  }
  checkFiles(run, violations);
  for (const what of run.stuck) violations.add('stuck', what);
  return {
    violations: violations.found,
    acknowledgedRequests,
    acknowledgedEvents,
    unknownRequests,
    answeredReads,
    checkedFiles: run.files.length,
  };
}
