import { Injectable } from '@nestjs/common';
import type { SqlExecutor, Tx } from '../../database/index.js';
import type { DeadEvent } from './dead-event.js';
import { insertDeadLetters, readFates, type FateRow, type TokenRanges } from './sql/dead-letters.js';

/** What became of an event that was dead once. */
export type DeadEventFate =
  | { readonly state: 'dead'; readonly deadLetterId: number; readonly reason: string }
  | { readonly state: 'discarded'; readonly deadLetterId: number; readonly reason: string }
  /** It lives on under the token. */
  | { readonly state: 'replayed'; readonly deadLetterId: number; readonly visibilityToken: number };

/** Dead letters of all tenants. They are data of the catalog and no part of the port: any bus has the same ones. */
@Injectable()
export class DeadLetterStore {
  /** For the transaction that takes the events out of the way of all others. First in it: see the lock order. */
  async insert(tx: Tx, tenantId: string, events: readonly DeadEvent[]): Promise<void> {
    if (events.length > 0) await insertDeadLetters(tx, tenantId, events);
  }

  /** By token. Events that never were dead are absent; replays of replays are followed to the last. */
  async fates(
    executor: SqlExecutor,
    tenantId: string,
    tokens: readonly number[],
  ): Promise<Map<number, DeadEventFate>> {
    if (tokens.length === 0) return new Map();
    return toFates(await readFates(executor, tenantId, rangesOf(tokens)));
  }

  /** As `fates`, of the tokens from first to last. */
  async fatesBetween(
    executor: SqlExecutor,
    tenantId: string,
    first: number,
    last: number,
  ): Promise<Map<number, DeadEventFate>> {
    return toFates(await readFates(executor, tenantId, { first: [first], last: [last] }));
  }
}

function toFates(rows: readonly FateRow[]): Map<number, DeadEventFate> {
  return new Map(
    rows.map((row): [number, DeadEventFate] => {
      const { dead_letter_id: deadLetterId, reason } = row;
      if (row.resolution === 'replayed')
        return [row.origin, { state: 'replayed', deadLetterId, visibilityToken: row.replayed_token ?? 0 }];
      return [row.origin, { state: row.resolution ?? 'dead', deadLetterId, reason }];
    }),
  );
}

/** Tokens that follow one another, as most do, are looked up as one. */
function rangesOf(tokens: readonly number[]): TokenRanges {
  const first: number[] = [];
  const last: number[] = [];
  for (const token of [...new Set(tokens)].sort((a, b) => a - b)) {
    if (last.at(-1) === token - 1) last[last.length - 1] = token;
    else {
      first.push(token);
      last.push(token);
    }
  }
  return { first, last };
}
