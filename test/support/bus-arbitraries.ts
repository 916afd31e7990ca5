import fc from 'fast-check';
import type { ModelRequest } from './bus-model.js';

/** Few keys and contents, so that requests meet each other often. */
const recordSketch = fc.record({
  key: fc.option(
    fc.integer({ min: 0, max: 9 }).map((n) => `key-${n}`),
    { nil: undefined, freq: 3 },
  ),
  content: fc.constantFrom(0, 0, 0, 0, 0, 1),
});

export interface SketchedRequest extends ModelRequest {
  /** Index of its table. */
  readonly table: number;
}

/** Requests on a few tables with per-record and per-request keys, repeats within and across. */
export function arbitraryRequest(tables: number): fc.Arbitrary<SketchedRequest> {
  return fc
    .record({
      table: fc.nat({ max: tables - 1 }),
      requestKey: fc.integer({ min: 0, max: 4 }).map((n) => `request-${n}`),
      named: fc.boolean(),
      records: fc.array(recordSketch, { minLength: 1, maxLength: 6 }),
    })
    .map(({ table, requestKey, named, records }) => ({
      table,
      records,
      requestKey: named || records.some(({ key }) => key === undefined) ? requestKey : undefined,
    }));
}

/** For suites that must be repeatable: TIDEMARK_TEST_SEED, else a fresh one. Print it. */
export function testSeed(): number {
  const given = process.env.TIDEMARK_TEST_SEED;
  return given === undefined || given === ''
    ? Math.trunc(Math.random() * 2 ** 31)
    : Number.parseInt(given, 10);
}
