import type { ClaimLimits } from './ingest-bus.js';
import type { HeaderRow } from './sql/claim.js';

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

/** Throws where acknowledged tokens are missing between the base and the last header: that would lose events. */
export function assertContiguous(base: number, headers: readonly HeaderRow[]): void {
  let last = base;
  for (const header of headers) {
    if (header.first_token !== last + 1) {
      throw new Error(
        `the bus has a hole: token ${last + 1} is expected, batch ${header.batch_id} begins at ${header.first_token}`,
      );
    }
    last = header.last_token;
  }
}
