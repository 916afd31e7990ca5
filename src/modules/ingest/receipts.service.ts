import { Inject, Injectable } from '@nestjs/common';
import { Transactions } from '../../database/index.js';
import { DeadLetterStore, INGEST_BUS, type DeadEventFate, type IngestBus } from '../bus/index.js';
import { ReceiptLocator, type EventLocation } from '../snapshots/index.js';
import { TableNames } from '../tables/index.js';

/** Where an event is, or why it is nowhere. */
export type EventState =
  | EventLocation
  | { readonly state: 'dead' | 'discarded'; readonly deadLetterId: number; readonly reason: string };

/** What became of one record. `unknown`: the key was not seen in its window. */
export type Receipt = { readonly key: string } & (
  { readonly state: 'unknown' } | ({ readonly visibilityToken: number } & EventState)
);

/** What became of one request. It is visible when the last of its records that is not dead is. */
export type RequestReceipt = { readonly requestKey: string } & (
  | { readonly state: 'unknown' }
  | ({
      readonly firstToken: number;
      readonly lastToken: number;
      readonly recordCount: number;
      /** Of its records, those that are dead or were discarded from the dead letters. */
      readonly deadCount: number;
    } & EventState)
);

type Traced = { readonly visibilityToken: number } & EventState;

/** Key of a record that a request's key covers: the header, `#`, and its position. */
const COVERED_KEY = /^(.+)#(0|[1-9]\d{0,5})$/s;

@Injectable()
export class ReceiptsService {
  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(TableNames) private readonly tables: TableNames,
    @Inject(DeadLetterStore) private readonly deadLetters: DeadLetterStore,
    @Inject(ReceiptLocator) private readonly locator: ReceiptLocator,
    @Inject(Transactions) private readonly transactions: Transactions,
  ) {}

  /** One for each key, in order. Rejects with TABLE_NOT_FOUND. */
  async ofRecords(tenantId: string, tableName: string, keys: readonly string[]): Promise<Receipt[]> {
    const found = new Map<string, Traced>();
    // A dropped table's events have receipts too; the live one of the name comes first.
    for (const { tableId, windowClass } of await this.tables.withName(tenantId, tableName)) {
      const open = [...new Set(keys)].filter((key) => !found.has(key));
      const tokens = await this.bus.findRecords(tableId, windowClass, open);
      const byKey = new Map([...tokens].map(([key, entry]) => [key, entry.visibilityToken]));
      const uncovered = open.filter((key) => !byKey.has(key));
      for (const [key, token] of await this.coveredTokens(tableId, windowClass, uncovered))
        byKey.set(key, token);
      const traced = await this.trace(tenantId, tableId, [...byKey.values()]);
      for (const [key, token] of byKey) {
        const event = traced.get(token);
        if (event !== undefined) found.set(key, event);
      }
    }
    return keys.map((key) => {
      const event = found.get(key);
      return event === undefined ? { key, state: 'unknown' } : { key, ...event };
    });
  }

  /** Rejects with TABLE_NOT_FOUND. */
  async ofRequest(tenantId: string, tableName: string, requestKey: string): Promise<RequestReceipt> {
    for (const { tableId, windowClass } of await this.tables.withName(tenantId, tableName)) {
      const entry = (await this.bus.findRequests(tableId, windowClass, [requestKey])).get(requestKey);
      if (entry === undefined) continue;
      const { firstToken, lastToken } = entry;
      return this.transactions.read(async (tx) => {
        const fates = await this.deadLetters.fatesBetween(tx, tenantId, firstToken, lastToken);
        const gone = [...fates.values()].filter((fate) => fate.state !== 'replayed');
        const newest = newestOf(firstToken, lastToken, fates);
        const [worst] = gone.toSorted((a, b) => Number(b.state === 'dead') - Number(a.state === 'dead'));
        const event: EventState =
          newest === undefined && worst !== undefined
            ? { state: worst.state, deadLetterId: worst.deadLetterId, reason: worst.reason }
            : await this.locator.locateOne(tx, tenantId, tableId, newest ?? lastToken);
        return { requestKey, ...entry, deadCount: gone.length, ...event };
      });
    }
    return { requestKey, state: 'unknown' };
  }

  /** Tokens of the keys that are a header's key, `#`, and a position. */
  private async coveredTokens(
    tableId: number,
    window: Parameters<IngestBus['findRequests']>[1],
    keys: readonly string[],
  ): Promise<Map<string, number>> {
    const covered = keys.flatMap((key) => {
      const [, requestKey, position] = COVERED_KEY.exec(key) ?? [];
      return requestKey === undefined ? [] : [{ key, requestKey, position: Number(position) }];
    });
    if (covered.length === 0) return new Map();
    const requestKeys = [...new Set(covered.map(({ requestKey }) => requestKey))];
    const requests = await this.bus.findRequests(tableId, window, requestKeys);
    return new Map(
      covered.flatMap(({ key, requestKey, position }): [string, number][] => {
        const entry = requests.get(requestKey);
        return entry !== undefined && position < entry.recordCount
          ? [[key, entry.firstToken + position]]
          : [];
      }),
    );
  }

  /** By the token that the ledger has; a replayed event by its new one. From one moment. */
  private async trace(
    tenantId: string,
    tableId: number,
    tokens: readonly number[],
  ): Promise<Map<number, Traced>> {
    if (tokens.length === 0) return new Map();
    return this.transactions.read(async (tx) => {
      const fates = await this.deadLetters.fates(tx, tenantId, tokens);
      const newest = tokens.map((token) => {
        const fate = fates.get(token);
        return fate?.state === 'replayed' ? fate.visibilityToken : token;
      });
      const located = await this.locator.locate(tx, tenantId, tableId, newest);
      return new Map(
        tokens.flatMap((token, index): [number, Traced][] => {
          const fate = fates.get(token);
          // Before where it lies: a file's range of tokens may hold a dead event's.
          if (fate !== undefined && fate.state !== 'replayed')
            return [[token, { visibilityToken: token, ...fate }]];
          const visibilityToken = newest[index] ?? token;
          const location = located.get(visibilityToken);
          return location === undefined ? [] : [[token, { visibilityToken, ...location }]];
        }),
      );
    });
  }
}

/** The highest token under which a record of the request lives; undefined where none does. */
function newestOf(
  firstToken: number,
  lastToken: number,
  fates: ReadonlyMap<number, DeadEventFate>,
): number | undefined {
  let living: number | undefined = lastToken;
  while (fates.has(living)) living -= 1;
  if (living < firstToken) living = undefined;
  const replayed = [...fates.values()].flatMap((fate) =>
    fate.state === 'replayed' ? [fate.visibilityToken] : [],
  );
  return replayed.reduce((newest: number | undefined, token) => Math.max(newest ?? 0, token), living);
}
