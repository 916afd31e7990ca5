import { Injectable } from '@nestjs/common';
import type { SqlExecutor, Tx } from '../../database/index.js';
import type { DeadEvent } from './dead-event.js';
import type { EventOp } from './ingest-bus.js';
import {
  findDeadLetters,
  insertDeadLetters,
  listDeadLetters,
  lockDeadLetters,
  readFates,
  setDiscarded,
  setReasons,
  setReplayed,
  type DeadLetterFilter,
  type DeadLetterRow,
  type FateRow,
} from './sql/dead-letters.js';
import { joinRanges } from './token-ranges.js';

/** What became of an event that was dead once. */
export type DeadEventFate =
  | { readonly state: 'dead'; readonly deadLetterId: number; readonly reason: string }
  | { readonly state: 'discarded'; readonly deadLetterId: number; readonly reason: string }
  /** It lives on under the token. */
  | { readonly state: 'replayed'; readonly deadLetterId: number; readonly visibilityToken: number };

/** An entry of the dead letters. State: dead -> replayed or discarded; both are final. */
export interface DeadLetter {
  readonly deadLetterId: number;
  readonly tableId: number;
  readonly visibilityToken: number;
  /** Empty where it could not be read. */
  readonly key: string;
  readonly op: EventOp;
  /** JSON text of the record, or what is left of it; a part of it where the call says so. */
  readonly record: string;
  readonly recordBytes: number;
  readonly reason: string;
  readonly failedAt: Date;
  readonly state: 'dead' | 'replayed' | 'discarded';
  readonly replayedToken: number | undefined;
}

/** Dead letters of all tenants. They are data of the catalog and no part of the port: any bus has the same ones. */
@Injectable()
export class DeadLetterStore {
  /** For the transaction that takes the events out of the way of all others. First in it: see the lock order. */
  async insert(tx: Tx, tenantId: string, events: readonly DeadEvent[]): Promise<void> {
    if (events.length > 0) await insertDeadLetters(tx, tenantId, events);
  }

  /** Newest first. Records are cut to `maxPayloadBytes`. */
  async list(executor: SqlExecutor, tenantId: string, filter: DeadLetterFilter): Promise<DeadLetter[]> {
    return (await listDeadLetters(executor, tenantId, filter)).map(toDeadLetter);
  }

  /** Without their records. Those of other tenants are absent. */
  async find(executor: SqlExecutor, tenantId: string, ids: readonly number[]): Promise<DeadLetter[]> {
    return (await findDeadLetters(executor, tenantId, ids)).map(toDeadLetter);
  }

  /** Holds them to the end of the transaction; the first lock in it. Whole records. */
  async lock(tx: Tx, tenantId: string, ids: readonly number[]): Promise<DeadLetter[]> {
    return (await lockDeadLetters(tx, tenantId, ids)).map(toDeadLetter);
  }

  /** What became of locked ones that were tried again. */
  async resolve(
    tx: Tx,
    replayed: readonly { readonly deadLetterId: number; readonly token: number }[],
    stillDead: readonly { readonly deadLetterId: number; readonly reason: string }[],
  ): Promise<void> {
    if (replayed.length > 0) await setReplayed(tx, replayed);
    if (stillDead.length > 0) await setReasons(tx, stillDead);
  }

  /** Of locked ones. */
  async discard(tx: Tx, ids: readonly number[]): Promise<void> {
    if (ids.length > 0) await setDiscarded(tx, ids);
  }

  /** By token. Events that never were dead are absent; replays of replays are followed to the last. */
  async fates(
    executor: SqlExecutor,
    tenantId: string,
    tokens: readonly number[],
  ): Promise<Map<number, DeadEventFate>> {
    if (tokens.length === 0) return new Map();
    return toFates(await readFates(executor, tenantId, joinRanges(tokens.map((token) => [token, token]))));
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

function toDeadLetter(row: DeadLetterRow): DeadLetter {
  return {
    deadLetterId: row.dead_letter_id,
    tableId: row.table_id,
    visibilityToken: row.token,
    key: row.idempotency_key.toString('utf8'),
    op: row.op,
    record: row.payload.toString('utf8'),
    recordBytes: row.payload_bytes,
    reason: row.reason,
    failedAt: row.failed_at,
    state: row.resolution ?? 'dead',
    replayedToken: row.replayed_token ?? undefined,
  };
}
