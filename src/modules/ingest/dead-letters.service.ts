import { Inject, Injectable } from '@nestjs/common';
import { AppError, SERVER_BUSY } from '../../kernel/index.js';
import { Transactions, type Tx } from '../../database/index.js';
import { DeadLetterStore, isEpochChange, ReplayAppender, type DeadLetter } from '../bus/index.js';
import { ReceiptLocator } from '../snapshots/index.js';
import { TABLE_NOT_FOUND, TableNames, TableRegistry, type IngestTable } from '../tables/index.js';
import { reviveRecord } from './replayed-record.js';

/** What a call made of one dead letter. */
export type DeadLetterOutcome = { readonly deadLetterId: number } & (
  | { readonly state: 'replayed'; readonly visibilityToken: number }
  /** Tried again in vain. */
  | { readonly state: 'dead'; readonly reason: string }
  | { readonly state: 'discarded' }
  | { readonly state: 'refused'; readonly why: 'unknown' | 'discarded' | 'replayed' | 'overtaken' }
);

export interface DeadLetterPage {
  readonly tableName: string | undefined;
  readonly state: DeadLetter['state'] | undefined;
  readonly before: number | undefined;
  readonly limit: number;
}

/** A dead letter with the name that its table has or had. */
export type NamedDeadLetter = DeadLetter & { readonly tableName: string };

/** Bytes of a record that a list shows. */
export const SHOWN_RECORD_BYTES = 4096;
/** Bytes of records that one transaction replays. */
const MAX_REPLAYED_BYTES = 8 * 1024 * 1024;
const MAX_TRIES = 10;

/** The way back of dead letters, or their end. */
@Injectable()
export class DeadLettersService {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(DeadLetterStore) private readonly deadLetters: DeadLetterStore,
    @Inject(ReplayAppender) private readonly appender: ReplayAppender,
    @Inject(TableRegistry) private readonly tables: TableRegistry,
    @Inject(TableNames) private readonly names: TableNames,
    @Inject(ReceiptLocator) private readonly locator: ReceiptLocator,
  ) {}

  /** Newest first. Rejects with TABLE_NOT_FOUND where there never was a table of the name. */
  async list(tenantId: string, page: DeadLetterPage): Promise<NamedDeadLetter[]> {
    const { tableName, state, before, limit } = page;
    const tables = tableName === undefined ? undefined : await this.names.withName(tenantId, tableName);
    const tableIds = tables?.map(({ tableId }) => tableId);
    const filter = { tableIds, state, before, limit, maxPayloadBytes: SHOWN_RECORD_BYTES };
    const letters = await this.transactions.pooled((pool) => this.deadLetters.list(pool, tenantId, filter));
    const names = await this.names.of(tenantId, [...new Set(letters.map(({ tableId }) => tableId))]);
    return letters.map((letter) => ({ ...letter, tableName: names.get(letter.tableId) ?? '' }));
  }

  /**
   * One outcome for each id, in order. What was replayed before answers the same token again. An event of a keyed table
   * that was written since is refused unless `force`: it would become the last of its key.
   */
  async replay(tenantId: string, ids: readonly number[], force = false): Promise<DeadLetterOutcome[]> {
    const letters = await this.transactions.pooled((pool) => this.deadLetters.find(pool, tenantId, ids));
    const outcomes = new Map<number, DeadLetterOutcome>();
    for (const group of groupsOf(letters)) {
      for (const outcome of await this.replayGroup(tenantId, group, force))
        outcomes.set(outcome.deadLetterId, outcome);
    }
    return inOrder(ids, outcomes);
  }

  /** One outcome for each id, in order. */
  async discard(tenantId: string, ids: readonly number[]): Promise<DeadLetterOutcome[]> {
    const letters = await this.transactions.write(async (tx) => {
      const found = await this.deadLetters.lock(tx, tenantId, ids);
      const dead = found.filter(({ state }) => state === 'dead');
      await this.deadLetters.discard(
        tx,
        dead.map(({ deadLetterId }) => deadLetterId),
      );
      return found;
    });
    const outcomes = letters.map(({ deadLetterId, state }): DeadLetterOutcome => {
      if (state === 'replayed') return { deadLetterId, state: 'refused', why: 'replayed' };
      return { deadLetterId, state: 'discarded' };
    });
    return inOrder(ids, new Map(outcomes.map((outcome) => [outcome.deadLetterId, outcome])));
  }

  /** Of one table. Again where the catalog changes meanwhile. */
  private async replayGroup(
    tenantId: string,
    group: readonly DeadLetter[],
    force: boolean,
  ): Promise<DeadLetterOutcome[]> {
    const [first] = group;
    if (first === undefined) return [];
    const ids = group.map(({ deadLetterId }) => deadLetterId);
    const batchId = await this.appender.drawBatchId();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const table = await this.liveTable(tenantId, first.tableId);
      try {
        return await this.transactions.write((tx) =>
          this.replayLocked(tx, tenantId, ids, table, batchId, force),
        );
      } catch (error) {
        if (!isEpochChange(error)) throw error;
      }
    }
    throw new AppError(SERVER_BUSY, 'The tables are being changed.', { retryAfterMs: 1000 });
  }

  private async replayLocked(
    tx: Tx,
    tenantId: string,
    ids: readonly number[],
    table: IngestTable | undefined,
    batchId: number,
    force: boolean,
  ): Promise<DeadLetterOutcome[]> {
    const settled: DeadLetterOutcome[] = [];
    const stillDead: { deadLetterId: number; reason: string }[] = [];
    const newest =
      table?.validator.isKeyed === true && !force
        ? await this.locator.newestToken(tx, tenantId, table.tableId)
        : 0;
    const revived: { deadLetterId: number; event: Parameters<ReplayAppender['append']>[3][number] }[] = [];
    for (const letter of await this.deadLetters.lock(tx, tenantId, ids)) {
      const { deadLetterId, state } = letter;
      if (state === 'replayed') {
        settled.push({ deadLetterId, state, visibilityToken: letter.replayedToken ?? 0 });
      } else if (state === 'discarded') {
        settled.push({ deadLetterId, state: 'refused', why: 'discarded' });
      } else if (letter.visibilityToken < newest) {
        settled.push({ deadLetterId, state: 'refused', why: 'overtaken' });
      } else if (table === undefined) {
        stillDead.push({ deadLetterId, reason: 'its table was dropped' });
      } else {
        const { event, reason } = reviveRecord(letter, table.validator);
        if (event === undefined) stillDead.push({ deadLetterId, reason });
        else revived.push({ deadLetterId, event });
      }
    }
    let replayed: { deadLetterId: number; token: number }[] = [];
    if (table !== undefined && revived.length > 0) {
      const events = revived.map(({ event }) => event);
      const firstToken = await this.appender.append(tx, { tenantId, ...table }, batchId, events);
      replayed = revived.map(({ deadLetterId }, index) => ({ deadLetterId, token: firstToken + index }));
    }
    await this.deadLetters.resolve(tx, replayed, stillDead);
    return [
      ...settled,
      ...stillDead.map((dead) => ({ ...dead, state: 'dead' as const })),
      ...replayed.map(({ deadLetterId, token }) => ({
        deadLetterId,
        state: 'replayed' as const,
        visibilityToken: token,
      })),
    ];
  }

  /** Undefined where it was dropped, also where another has its name now. */
  private async liveTable(tenantId: string, tableId: number): Promise<IngestTable | undefined> {
    const name = (await this.names.of(tenantId, [tableId])).get(tableId);
    if (name === undefined) return undefined;
    try {
      const table = await this.tables.refresh(tenantId, name);
      return table.tableId === tableId ? table : undefined;
    } catch (error) {
      if (error instanceof AppError && error.spec === TABLE_NOT_FOUND) return undefined;
      throw error;
    }
  }
}

/** By table, and no more at a time than one transaction should replay. */
function groupsOf(letters: readonly DeadLetter[]): DeadLetter[][] {
  const groups: DeadLetter[][] = [];
  const open = new Map<number, { group: DeadLetter[]; bytes: number }>();
  for (const letter of letters) {
    const current = open.get(letter.tableId);
    if (current !== undefined && current.bytes + letter.recordBytes <= MAX_REPLAYED_BYTES) {
      current.group.push(letter);
      current.bytes += letter.recordBytes;
    } else {
      const group = [letter];
      groups.push(group);
      open.set(letter.tableId, { group, bytes: letter.recordBytes });
    }
  }
  return groups;
}

function inOrder(
  ids: readonly number[],
  outcomes: ReadonlyMap<number, DeadLetterOutcome>,
): DeadLetterOutcome[] {
  return ids.map(
    (deadLetterId) => outcomes.get(deadLetterId) ?? { deadLetterId, state: 'refused', why: 'unknown' },
  );
}
