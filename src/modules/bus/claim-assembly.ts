import type { ClaimLimits } from './ingest-bus.js';
import type { BatchPart, HeaderRow } from './sql/claim.js';

/** Where a claim begins, and how many tokens it may have while its range is split. */
export interface ClaimRange {
  readonly base: number;
  readonly split: number | undefined;
}

/** What a claim from the base holds of the batches above it: whole ones, but for the first and, in a split, the last. */
export function partsOf(headers: readonly HeaderRow[], range: ClaimRange, limits: ClaimLimits): BatchPart[] {
  const end = range.base + (range.split ?? Infinity);
  return cutToLimits(headers, limits)
    .filter((header) => header.first_token <= end)
    .map((header) => {
      const fromToken = Math.max(header.first_token, range.base + 1);
      const toToken = Math.min(header.last_token, end);
      const whole = fromToken === header.first_token && toToken === header.last_token;
      return {
        header,
        fromToken,
        toToken,
        recordCount: whole ? header.record_count : eventsBetween(header, fromToken, toToken),
      };
    });
}

function eventsBetween(header: HeaderRow, fromToken: number, toToken: number): number {
  const skipped = header.skipped_ordinals.filter((ordinal) => {
    const token = header.first_token + ordinal;
    return token >= fromToken && token <= toToken;
  });
  return toToken - fromToken + 1 - skipped.length;
}

/** Whole batches in token order until a limit, always at least one. */
export function cutToLimits(headers: readonly HeaderRow[], limits: ClaimLimits): HeaderRow[] {
  let rows = 0;
  let bytes = 0;
  const taken: HeaderRow[] = [];
  for (const header of headers) {
    rows += header.record_count;
    bytes += header.body_bytes;
    if (taken.length > 0 && (rows > limits.maxRows || bytes > limits.maxBytes)) break;
    taken.push(header);
  }
  return taken;
}

/**
 * Throws where acknowledged tokens are missing between the base and the last header: that would lose events.
 * The base may lie inside the first batch, a part of which was published before.
 */
export function assertContiguous(base: number, headers: readonly HeaderRow[]): void {
  let last = base;
  for (const header of headers) {
    const overlaps = last === base && header.first_token <= base && header.last_token > base;
    if (header.first_token !== last + 1 && !overlaps) {
      throw new Error(
        `the bus has a hole: token ${last + 1} is expected, batch ${header.batch_id} begins at ${header.first_token}`,
      );
    }
    last = header.last_token;
  }
}
