import type { IngestRecord, IngestRequest } from './ingest-bus.js';
import { coveredHash, coveredKey, storedKey, type KeyKind } from './stored-key.js';

/** A row of the ledger that was found committed, hence final. */
export interface LedgerRow {
  readonly contentHash: string;
  /** Token of the record, or of the first record of the request. */
  readonly token: number;
}

/** A ledger row to be written. `batch` is the index into the plan's batches. */
export interface NewLedgerRow {
  readonly storedKey: string;
  readonly contentHash: string;
  readonly kind: KeyKind;
  readonly op: IngestRecord['op'];
  readonly batch: number;
  readonly ordinal: number;
  /** 1, or all records of the request. */
  readonly recordCount: number;
}

export interface PlannedLine {
  readonly ordinal: number;
  readonly key: string;
  readonly record: IngestRecord;
}

export interface PlannedBatch {
  readonly tableId: number;
  readonly schemaVersion: number;
  /** Ordinals taken, those of duplicates included. */
  records: number;
  readonly skippedOrdinals: number[];
  readonly lines: PlannedLine[];
}

/** What one call of the ingest function writes. Batches are in the order of their table ids. */
export interface GroupPlan {
  readonly rows: NewLedgerRow[];
  readonly batches: PlannedBatch[];
}

/** A place in the group, or a token from before it. */
export type TokenSource = { readonly batch: PlannedBatch; readonly ordinal: number } | { readonly token: number };

export type Verdict =
  /**
   * The key at `position` (undefined for the request's own) was used for other content. Not final where that content
   * is of an earlier request of the group, which may yet fail.
   */
  | { readonly kind: 'refused'; readonly position: number | undefined; readonly key: string; readonly final: boolean }
  | {
      readonly kind: 'kept';
      readonly acceptedCount: number;
      readonly duplicateCount: number;
      /** The request's highest token is the highest of these. */
      readonly tokens: readonly TokenSource[];
    };

export interface Judgement {
  /** One for each request, in order. */
  readonly verdicts: Verdict[];
  readonly plan: GroupPlan;
}

/** One idempotency key of a request with the positions of the records that it answers for. */
interface Unit {
  readonly storedKey: string;
  readonly kind: KeyKind;
  readonly contentHash: string;
  readonly key: string;
  readonly positions: readonly number[];
}

/** Where a key was seen: in the ledger, or earlier in this group. `base` is the token source of its first record. */
interface Seen {
  readonly contentHash: string;
  readonly at: (offset: number) => TokenSource;
}

/** The keys of a request, in the order of its records. Costly (a hash a record): do it once a request. */
export function unitsOf(request: IngestRequest): Unit[] {
  const units: Unit[] = [];
  const covered: number[] = [];
  request.records.forEach((record, position) => {
    if (record.key === undefined) covered.push(position);
    else {
      units.push({
        storedKey: storedKey(request.tableId, 'record', record.key),
        kind: 'record',
        contentHash: record.contentHash,
        key: record.key,
        positions: [position],
      });
    }
  });
  if (covered.length > 0) {
    const { requestKey } = request;
    if (requestKey === undefined) throw new Error(`record ${covered[0]} has no idempotency key, nor has its request`);
    units.push({
      storedKey: storedKey(request.tableId, 'request', requestKey),
      kind: 'request',
      contentHash: coveredHash(covered.map((p) => `${p}:${request.records[p]?.contentHash ?? ''}`)),
      key: requestKey,
      positions: covered,
    });
  }
  return units;
}

export interface JudgedRequest {
  readonly request: IngestRequest;
  readonly units: readonly Unit[];
}

/**
 * Judges requests in order of arrival against the ledger rows found so far and against each other, and gives out
 * ordinals. Every record of a request with something new takes an ordinal, its duplicates too; refused and wholly
 * duplicate requests take none.
 */
export function judge(requests: readonly JudgedRequest[], ledger: ReadonlyMap<string, LedgerRow>): Judgement {
  const batches = new Map<number, PlannedBatch>();
  const seenInGroup = new Map<string, Seen>();
  const rows: (Omit<NewLedgerRow, 'batch'> & { tableId: number })[] = [];

  const verdicts = requests.map(({ request, units }): Verdict => {
    const batch = batches.get(request.tableId) ?? newBatch(request);
    const base = batch.records;
    const seenInRequest = new Map<string, Seen>();
    const seenBefore = (key: string): Seen | undefined =>
      seenInRequest.get(key) ?? seenInGroup.get(key) ?? fromLedger(ledger.get(key));

    const fresh: Unit[] = [];
    const duplicates = new Map<number, TokenSource>();
    for (const unit of units) {
      const earlier = seenBefore(unit.storedKey);
      if (earlier === undefined) {
        fresh.push(unit);
        // A request's row points at the request's first record, whichever records its key covers.
        const first = base + (unit.kind === 'request' ? 0 : (unit.positions[0] ?? 0));
        seenInRequest.set(unit.storedKey, {
          contentHash: unit.contentHash,
          at: (offset) => ({ batch, ordinal: first + offset }),
        });
      } else if (earlier.contentHash !== unit.contentHash) {
        return {
          kind: 'refused',
          position: unit.kind === 'record' ? unit.positions[0] : undefined,
          key: unit.key,
          final: seenInRequest.has(unit.storedKey) || !seenInGroup.has(unit.storedKey),
        };
      } else {
        for (const position of unit.positions) {
          duplicates.set(position, earlier.at(unit.kind === 'request' ? position : 0));
        }
      }
    }
    if (fresh.length === 0) {
      return { kind: 'kept', acceptedCount: 0, duplicateCount: duplicates.size, tokens: [...duplicates.values()] };
    }

    batches.set(request.tableId, batch);
    for (const [key, seen] of seenInRequest) seenInGroup.set(key, seen);
    for (const unit of fresh) {
      const whole = unit.kind === 'request';
      const first = unit.positions[0] ?? 0;
      rows.push({
        tableId: request.tableId,
        storedKey: unit.storedKey,
        contentHash: unit.contentHash,
        kind: unit.kind,
        op: request.records[first]?.op ?? 'insert',
        ordinal: base + (whole ? 0 : first),
        recordCount: whole ? request.records.length : 1,
      });
    }
    const tokens: TokenSource[] = [...duplicates.values()];
    let last = -1;
    request.records.forEach((record, position) => {
      const ordinal = base + position;
      if (duplicates.has(position)) {
        batch.skippedOrdinals.push(ordinal);
      } else {
        batch.lines.push({ ordinal, key: record.key ?? coveredKey(request.requestKey ?? '', position), record });
        last = ordinal;
      }
    });
    tokens.push({ batch, ordinal: last });
    batch.records = base + request.records.length;
    return {
      kind: 'kept',
      acceptedCount: request.records.length - duplicates.size,
      duplicateCount: duplicates.size,
      tokens,
    };
  });

  const ordered = [...batches.values()].sort((a, b) => a.tableId - b.tableId);
  const indexOf = new Map(ordered.map((batch, index) => [batch.tableId, index]));
  return {
    verdicts,
    plan: {
      batches: ordered,
      rows: rows.map(({ tableId, ...row }) => ({ ...row, batch: indexOf.get(tableId) ?? -1 })),
    },
  };
}

function newBatch(request: IngestRequest): PlannedBatch {
  return {
    tableId: request.tableId,
    schemaVersion: request.schemaVersion,
    records: 0,
    skippedOrdinals: [],
    lines: [],
  };
}

function fromLedger(row: LedgerRow | undefined): Seen | undefined {
  return row && { contentHash: row.contentHash, at: (offset) => ({ token: row.token + offset }) };
}
