/** Passed and failed checks of a run: each round, each planted bug and each bound is one. */
export class Score {
  passed = 0;
  failed = 0;

  count(passed: boolean): void {
    if (passed) this.passed += 1;
    else this.failed += 1;
  }

  /** A part that throws has failed; the others go on. */
  async part<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.failed += 1;
      console.error(`${name} failed:`, error);
      return undefined;
    }
  }
}
