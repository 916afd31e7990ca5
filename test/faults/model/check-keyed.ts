import type { KeyedRow } from '../history.js';
import type { TenantModel } from './tenant-model.js';
import type { Violations } from './violation.js';

interface KeyedEvent {
  readonly token: number;
  readonly key: number;
  /** Undefined for a delete. */
  readonly row: KeyedRow | undefined;
}

/** At watermark W a key has the row of its highest operation at or below W, or none where that was a delete. */
export function checkKeyed(model: TenantModel, violations: Violations): void {
  const events = eventsOf(model, violations);
  for (const { asked, snapshot, watermark, rows } of model.keyedReads) {
    const name = `a read of the keyed table of ${model.tenant} in snapshot ${snapshot} at ${watermark}`;
    violations.expect(
      watermark >= (asked.token ?? 0),
      'stale',
      () => `${name} had asked for token ${asked.token}`,
    );
    const expected = new Map<number, KeyedRow>();
    for (const { token, key, row } of events) {
      if (token > watermark) break;
      if (row === undefined) expected.delete(key);
      else expected.set(key, row);
    }
    const seen = new Set<number>();
    for (const row of rows) {
      const [key] = row;
      if (seen.has(key)) violations.add('duplicated', `${name} has key ${key} twice`);
      seen.add(key);
      const wanted = expected.get(key);
      if (String(row) !== String(wanted))
        violations.add('torn', `${name} has ${String(row)}; it should have ${String(wanted)}`);
    }
    for (const [key, row] of expected)
      if (!seen.has(key)) violations.add('lost', `${name} lacks ${String(row)}`);
  }
}

/** In the order of their tokens. */
function eventsOf(model: TenantModel, violations: Violations): KeyedEvent[] {
  const events: KeyedEvent[] = [];
  for (const [r, { ops, tokens }] of model.keyedRequests) {
    const [last] = tokens;
    if (last === undefined) continue;
    violations.expect(
      tokens.every((token) => token === last),
      'answer',
      () => `keyed request ${r} of ${model.tenant} was answered with tokens ${String(tokens)}`,
    );
    for (const [position, [key, op]] of ops.entries()) {
      const token = last - ops.length + 1 + position;
      events.push({ token, key, row: op === 'upsert' ? [key, r, position, token] : undefined });
    }
  }
  return events.sort((a, b) => a.token - b.token);
}
