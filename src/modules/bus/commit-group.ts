import { AppError, failpoint, SERVER_BUSY } from '../../kernel/index.js';
import { SQLSTATE, sqlStateOf, translateDatabaseError, type SqlExecutor } from '../../database/index.js';
import type { BatchIds } from './batch-ids.js';
import { encodeBody } from './body.js';
import { IDEMPOTENCY_KEY_REUSED } from './bus.errors.js';
import type { PendingRequest } from './group-commit.js';
import type { IngestRequest } from './ingest-bus.js';
import {
  judge,
  unitsOf,
  type GroupPlan,
  type JudgedRequest,
  type LedgerRow,
  type PlannedBatch,
  type Verdict,
} from './judgement.js';
import { readFates } from './sql/dead-letters.js';
import { findLedgerRows, type FoundLedgerRow } from './sql/find-ledger-rows.js';
import { ingestGroup } from './sql/ingest-group.js';
import { joinRanges, type TokenRanges } from './token-ranges.js';

/** Each round finds at least one committed key or one newer epoch, so many rounds mean a storm, not progress. */
const MAX_ROUNDS = 100;

/** Repeats are looked for before the call, too, for this many groups after one that met a repeat. */
const READ_FIRST_GROUPS = 16;

/**
 * Commits groups of one process: judges, calls the ingest function, and where it raises finds out why and judges
 * again, until every request of the group is answered.
 */
export class GroupCommitter {
  private readFirst = 0;

  constructor(
    private readonly executor: SqlExecutor,
    private readonly batchIds: BatchIds,
  ) {}

  /** Settles every request of the group. Never rejects. */
  async commit(group: PendingRequest[]): Promise<void> {
    let open = group;
    try {
      const ledger: Ledger = { rows: new Map(), replays: new Map() };
      if (this.readFirst > 0) {
        this.readFirst -= 1;
        await this.read(open, ledger);
      }
      for (let round = 0; open.length > 0; round++) {
        if (round === MAX_ROUNDS)
          throw new AppError(SERVER_BUSY, 'Too many writes met the same keys.', { retryAfterMs: 1000 });
        open = await this.atOneEpoch(open);
        // Their keys were found once. Only a row that is found again makes them duplicates.
        await this.read(
          open.filter(({ request }) => request.repeats !== undefined),
          ledger,
        );
        open = await this.round(open, ledger);
      }
    } catch (error) {
      for (const pending of open) pending.reject(error);
    }
  }

  /** One judgement and one call. Answers the requests that are still open. */
  private async round(group: PendingRequest[], ledger: Ledger): Promise<PendingRequest[]> {
    const first = group[0]?.request;
    if (first === undefined) return [];
    const { verdicts, plan } = judge(group, ledger.rows);
    const open = settleWithoutCall(group, verdicts, ledger.replays);
    if (open.length === 0) return [];
    try {
      const firstTokens = await this.call(first, plan);
      await failpoint('ingest.committed');
      for (const { pending, verdict } of open) {
        if (verdict.kind === 'refused') pending.reject(reusedKey(verdict));
        else settle(pending, verdict, firstTokens, ledger.replays);
      }
      return [];
    } catch (error) {
      const state = sqlStateOf(error);
      const remaining = open.map(({ pending }) => pending);
      if (state === SQLSTATE.ingestDuplicate || state === SQLSTATE.ingestRotated) {
        this.readFirst = READ_FIRST_GROUPS;
        await this.read(remaining, ledger);
        return remaining;
      }
      if (state === SQLSTATE.ingestEpochChanged) {
        const renewed = await Promise.all(
          remaining.map((pending) => revalidate(pending, first.catalogEpoch)),
        );
        return renewed.filter((pending) => pending !== undefined);
      }
      for (const pending of remaining) pending.reject(error);
      return [];
    }
  }

  /** Answers the first token of each batch. */
  private async call(first: IngestRequest, plan: GroupPlan): Promise<Map<PlannedBatch, number>> {
    return translateDatabaseError(async () => {
      const batchIds = await this.batchIds.take(plan.batches.length);
      const bodies = plan.batches.map((batch, index) => encodeBody(batchIds[index] ?? 0, batch));
      let last = await ingestGroup(this.executor, {
        tenantId: first.tenantId,
        catalogEpoch: first.catalogEpoch,
        windowClass: first.windowClass,
        plan,
        batchIds,
        bodies,
      });
      const firstTokens = new Map<PlannedBatch, number>();
      for (const batch of plan.batches) {
        firstTokens.set(batch, last + 1);
        last += batch.records;
      }
      return firstTokens;
    });
  }

  private async read(group: readonly JudgedRequest[], ledger: Ledger): Promise<void> {
    const first = group[0]?.request;
    if (first === undefined) return;
    const keys = [...new Set(group.flatMap(({ units }) => units.map((unit) => unit.storedKey)))];
    await translateDatabaseError(async () => {
      const rows = await findLedgerRows(this.executor, first.windowClass, keys);
      for (const row of rows)
        ledger.rows.set(row.stored_key, { contentHash: row.content_hash, token: row.token });
      if (rows.length === 0) return;
      const fates = await readFates(this.executor, first.tenantId, tokenRanges(rows));
      for (const { origin, replayed_token: token } of fates)
        if (token !== null) ledger.replays.set(origin, token);
    });
  }

  /** Validates those again that were validated at an older epoch than the newest of the group. */
  private async atOneEpoch(group: PendingRequest[]): Promise<PendingRequest[]> {
    let open = group;
    for (;;) {
      const newest = Math.max(...open.map(({ request }) => request.catalogEpoch));
      const stale = new Set(open.filter(({ request }) => request.catalogEpoch < newest));
      if (stale.size === 0) return open;
      const renewed = await Promise.all(
        open.map((pending) => (stale.has(pending) ? revalidate(pending, newest) : Promise.resolve(pending))),
      );
      open = renewed.filter((pending) => pending !== undefined);
    }
  }
}

/** What is known of the keys of a group. */
interface Ledger {
  readonly rows: Map<string, LedgerRow>;
  /** Tokens of dead events that live on under new ones. The ledger is never rewritten. */
  readonly replays: Map<number, number>;
}

function tokenRanges(rows: readonly FoundLedgerRow[]): TokenRanges {
  return joinRanges(rows.map((row) => [row.token, row.token + row.record_count - 1]));
}

interface OpenRequest {
  readonly pending: PendingRequest;
  readonly verdict: Exclude<Verdict, { kind: 'lapsed' }>;
}

/**
 * Answers what no call can change: refusals by committed rows or within one request, and requests that are duplicates
 * of committed rows only. Answers the others.
 */
function settleWithoutCall(
  group: readonly PendingRequest[],
  verdicts: readonly Verdict[],
  replays: Ledger['replays'],
): OpenRequest[] {
  const open: OpenRequest[] = [];
  group.forEach((pending, index) => {
    const verdict = verdicts[index];
    if (verdict === undefined) throw new Error('a request was not judged');
    if (verdict.kind === 'lapsed') pending.reject(lapsedKey());
    else if (verdict.kind === 'refused' && verdict.final) pending.reject(reusedKey(verdict));
    else if (verdict.kind === 'kept' && verdict.tokens.every((source) => 'token' in source)) {
      settle(pending, verdict, new Map(), replays);
    } else open.push({ pending, verdict });
  });
  return open;
}

function settle(
  pending: PendingRequest,
  verdict: Verdict & { kind: 'kept' },
  firstTokens: ReadonlyMap<PlannedBatch, number>,
  replays: Ledger['replays'],
): void {
  let max = 0;
  for (const source of verdict.tokens) {
    const token =
      'token' in source
        ? (replays.get(source.token) ?? source.token)
        : (firstTokens.get(source.batch) ?? 0) + source.ordinal;
    if (token > max) max = token;
  }
  pending.resolve({
    acceptedCount: verdict.acceptedCount,
    duplicateCount: verdict.duplicateCount,
    ...(verdict.quarantinedCount > 0 && { quarantinedCount: verdict.quarantinedCount }),
    maxVisibilityToken: max,
  });
}

const lapsedKey = (): AppError =>
  new AppError(SERVER_BUSY, 'A key of the request has just been forgotten.', { retryAfterMs: 1000 });

function reusedKey(verdict: Verdict & { kind: 'refused' }): AppError {
  const where =
    verdict.position === undefined ? 'The Idempotency-Key' : `The key of record ${verdict.position}`;
  return new AppError(IDEMPOTENCY_KEY_REUSED, `${where} was used for other content: "${verdict.key}".`, {
    context: {
      idempotency_key: verdict.key,
      ...(verdict.position !== undefined && {
        record: verdict.position,
        path: `$.records[${verdict.position}]`,
      }),
    },
  });
}

/**
 * The request as it is now, at `leastEpoch` or later. One that no longer passes is told so; the others of its group
 * go on without it.
 */
async function revalidate(pending: PendingRequest, leastEpoch: number): Promise<PendingRequest | undefined> {
  try {
    const request = await pending.request.revalidate();
    if (request.catalogEpoch < leastEpoch || request.windowClass !== pending.request.windowClass) {
      throw new AppError(SERVER_BUSY, 'The table is being changed.', { retryAfterMs: 1000 });
    }
    return { ...pending, request, units: unitsOf(request) };
  } catch (error) {
    pending.reject(error);
    return undefined;
  }
}
