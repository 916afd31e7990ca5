import fc from 'fast-check';
import { assertContiguous, cutToLimits, partsOf } from './claim-assembly.js';
import type { HeaderRow } from './sql/claim.js';

function header(first: number, records: number, bytes = 100): HeaderRow {
  return {
    batch_id: first * 10,
    table_id: 1,
    schema_version: 1,
    first_token: first,
    last_token: first + records - 1,
    record_count: records,
    skipped_ordinals: [],
    body_bytes: bytes,
    body_generation: 1,
    ingested_at: new Date(0),
  };
}

/** Headers that follow one another from token 1 on. */
const headers = fc
  .array(fc.record({ records: fc.integer({ min: 1, max: 50 }), bytes: fc.integer({ min: 1, max: 500 }) }), {
    minLength: 1,
    maxLength: 30,
  })
  .map((sizes) => {
    let first = 1;
    return sizes.map(({ records, bytes }) => {
      const row = header(first, records, bytes);
      first += records;
      return row;
    });
  });

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

describe('cutToLimits', () => {
  it('takes whole batches until a limit', () => {
    const rows = [header(1, 10), header(11, 10), header(21, 10)];
    expect(cutToLimits(rows, { maxRows: 20, maxBytes: 1_000 })).toEqual(rows.slice(0, 2));
    expect(cutToLimits(rows, { maxRows: 29, maxBytes: 1_000 })).toEqual(rows.slice(0, 2));
    expect(cutToLimits(rows, { maxRows: 1_000, maxBytes: 299 })).toEqual(rows.slice(0, 2));
    expect(cutToLimits(rows, { maxRows: 1_000, maxBytes: 300 })).toEqual(rows);
  });

  it('takes one batch at least', () => {
    const rows = [header(1, 10), header(11, 10)];
    expect(cutToLimits(rows, { maxRows: 1, maxBytes: 1 })).toEqual(rows.slice(0, 1));
    expect(cutToLimits([], { maxRows: 1, maxBytes: 1 })).toEqual([]);
  });

  it('is the longest prefix within the limits', () => {
    fc.assert(
      fc.property(headers, fc.nat(500), fc.nat(5_000), (rows, maxRows, maxBytes) => {
        const taken = cutToLimits(rows, { maxRows, maxBytes });
        const fits = (count: number): boolean =>
          sum(rows.slice(0, count).map((row) => row.record_count)) <= maxRows &&
          sum(rows.slice(0, count).map((row) => row.body_bytes)) <= maxBytes;
        expect(taken).toEqual(rows.slice(0, taken.length));
        expect(taken.length === 1 || fits(taken.length)).toBe(true);
        if (taken.length < rows.length) expect(fits(taken.length + 1)).toBe(false);
      }),
    );
  });
});

describe('assertContiguous', () => {
  it('passes where nothing is missing', () => {
    fc.assert(fc.property(headers, (rows) => assertContiguous(0, rows)));
  });

  it('throws where any token is missing or doubled', () => {
    fc.assert(
      fc.property(headers, fc.nat(), fc.boolean(), (rows, at, twice) => {
        const index = at % rows.length;
        const row = rows[index];
        if (row === undefined) return;
        const broken = rows.toSpliced(index, 1, ...(twice ? [row, row] : []));
        // A missing last batch is no hole: it would be above the clock that was read.
        fc.pre(twice || index < rows.length - 1);
        expect(() => assertContiguous(0, broken)).toThrow('the bus has a hole');
      }),
    );
  });

  it('throws where the first batch does not follow the base', () => {
    expect(() => assertContiguous(5, [header(7, 1)])).toThrow('token 6 is expected, batch 70 begins at 7');
    expect(() => assertContiguous(5, [header(3, 3)])).toThrow('the bus has a hole');
  });

  it('passes where the base lies inside the first batch, and there only', () => {
    assertContiguous(5, [header(4, 3), header(7, 1)]);
    expect(() => assertContiguous(5, [header(4, 3), header(6, 2)])).toThrow('the bus has a hole');
  });
});

describe('partsOf', () => {
  const all = { maxRows: 1_000, maxBytes: 10_000 };
  const partsFrom = (base: number, split?: number, rows = [header(1, 4), header(5, 4)]) =>
    partsOf(rows, { base, split }, all).map((part) => [part.fromToken, part.toToken, part.recordCount]);

  it('takes whole batches without a split', () => {
    expect(partsFrom(0)).toEqual([
      [1, 4, 4],
      [5, 8, 4],
    ]);
  });

  it('begins inside a batch, and ends inside one', () => {
    expect(partsFrom(2)).toEqual([
      [3, 4, 2],
      [5, 8, 4],
    ]);
    expect(partsFrom(2, 3)).toEqual([
      [3, 4, 2],
      [5, 5, 1],
    ]);
    expect(partsFrom(0, 4)).toEqual([[1, 4, 4]]);
    expect(partsFrom(1, 1)).toEqual([[2, 2, 1]]);
  });

  it('counts no event for an ordinal without a line', () => {
    const rows = [{ ...header(1, 4), record_count: 2, skipped_ordinals: [1, 3] }];
    expect(partsFrom(0, undefined, rows)).toEqual([[1, 4, 2]]);
    expect(partsFrom(0, 2, rows)).toEqual([[1, 2, 1]]);
    expect(partsFrom(2, undefined, rows)).toEqual([[3, 4, 1]]);
    expect(partsFrom(3, undefined, rows)).toEqual([[4, 4, 0]]);
  });

  it('cuts any batches into parts that follow one another and count every event once', () => {
    fc.assert(
      fc.property(headers, fc.integer({ min: 1, max: 40 }), (rows, split) => {
        const last = rows.at(-1)?.last_token ?? 0;
        let base = 0;
        let events = 0;
        while (base < last) {
          const parts = partsOf(
            rows.filter((row) => row.last_token > base),
            { base, split },
            { maxRows: 1e6, maxBytes: 1e6 },
          );
          expect(parts[0]?.fromToken).toBe(base + 1);
          events += sum(parts.map(({ recordCount }) => recordCount));
          base = parts.at(-1)?.toToken ?? last;
        }
        expect(base).toBe(last);
        expect(events).toBe(sum(rows.map((row) => row.record_count)));
      }),
    );
  });
});
