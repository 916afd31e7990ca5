/** Pairs of first and last tokens. */
export interface TokenRanges {
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/** The given ranges, ascending; those that touch or overlap, as most do, become one. */
export function joinRanges(ranges: readonly (readonly [number, number])[]): TokenRanges {
  const first: number[] = [];
  const last: number[] = [];
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const end = last.at(-1);
    if (end !== undefined && from <= end + 1) last[last.length - 1] = Math.max(end, to);
    else {
      first.push(from);
      last.push(to);
    }
  }
  return { first, last };
}
