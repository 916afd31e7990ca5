import { writeFileSync } from 'node:fs';

/** Counts tests per Jest project for scripts/test.mjs, which says where to write them. */
export default class SuiteReporter {
  suites = {};

  onTestResult(test, result) {
    const name = test.context.config.displayName?.name ?? 'tests';
    const counts = (this.suites[name] ??= { passed: 0, failed: 0, skipped: 0 });
    counts.passed += result.numPassingTests;
    counts.failed += result.numFailingTests;
    counts.skipped += result.numPendingTests + result.numTodoTests;
    // A file that could not be run, or that broke after its tests, has no failed test to count.
    if ((result.testExecError ?? result.failureMessage) && result.numFailingTests === 0) counts.failed += 1;
  }

  onRunComplete(_contexts, results) {
    const file = process.env.TIDEMARK_TEST_SUMMARY_FILE;
    const summary = { suites: this.suites, interrupted: results.wasInterrupted };
    if (file) writeFileSync(file, JSON.stringify(summary));
  }
}
