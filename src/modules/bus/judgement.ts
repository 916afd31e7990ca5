import type { IngestRecord, IngestRequest } from './ingest-bus.js';
import { coveredHash, coveredKey, storedKey, type KeyKind } from './stored-key.js';

/** A row of the ledger that was found committed, hence final. */
export interface LedgerRow {
  readonly contentHash: string;
  /** Token of the record, or of the first record of the request. */
  readonly token: number;
}

/** A ledger row to be written. */
export interface NewLedgerRow {
  readonly storedKey: string;
  readonly contentHash: string;
  readonly kind: KeyKind;
  readonly op: IngestRecord['op'];
  readonly batch: PlannedBatch;
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
export type TokenSource =
  { readonly batch: PlannedBatch; readonly ordinal: number } | { readonly token: number };

export type Verdict =
  /**
   * The key at `position` (undefined for the request's own) was used for other content. Not final where that content
   * is of an earlier request of the group, which may yet fail.
   */
  | {
      readonly kind: 'refused';
      readonly position: number | undefined;
      readonly key: string;
      readonly final: boolean;
    }
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

/** A key that this group brings, with the place of its first record. */
interface Newcomer {
  readonly contentHash: string;
  /** Index of the request that brings it. */
  readonly request: number;
  readonly batch: PlannedBatch;
  readonly ordinal: number;
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
    if (requestKey === undefined)
      throw new Error(`record ${covered[0]} has no idempotency key, nor has its request`);
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
  const newcomers = new Map<string, Newcomer>();
  const rows: NewLedgerRow[] = [];

  const verdicts = requests.map(({ request, units }, index): Verdict => {
    const batch = batches.get(request.tableId) ?? newBatch(request);
    const base = batch.records;
    const fresh: Unit[] = [];
    const duplicates = new Map<number, TokenSource>();
    for (const unit of units) {
      const { storedKey: key, contentHash, kind, positions } = unit;
      const newcomer = newcomers.get(key);
      const known = newcomer ?? ledger.get(key);
      if (known === undefined) {
        fresh.push(unit);
        newcomers.set(key, { contentHash, request: index, batch, ordinal: base + firstPosition(unit) });
      } else if (known.contentHash !== contentHash) {
        for (const { storedKey: ownKey } of fresh) newcomers.delete(ownKey);
        return {
          kind: 'refused',
          position: kind === 'record' ? positions[0] : undefined,
          key: unit.key,
          final: newcomer === undefined || newcomer.request === index,
        };
      } else {
        for (const position of positions)
          duplicates.set(position, sourceOf(known, kind === 'request' ? position : 0));
      }
    }
    if (fresh.length === 0) {
      return {
        kind: 'kept',
        acceptedCount: 0,
        duplicateCount: duplicates.size,
        tokens: [...duplicates.values()],
      };
    }

    batches.set(request.tableId, batch);
    for (const unit of fresh) {
      rows.push({
        storedKey: unit.storedKey,
        contentHash: unit.contentHash,
        kind: unit.kind,
        op: request.records[unit.positions[0] ?? 0]?.op ?? 'insert',
        batch,
        ordinal: base + firstPosition(unit),
        recordCount: unit.kind === 'request' ? request.records.length : 1,
      });
    }
    const tokens: TokenSource[] = [...duplicates.values()];
    let last = base;
    request.records.forEach((record, position) => {
      const ordinal = base + position;
      if (duplicates.has(position)) {
        batch.skippedOrdinals.push(ordinal);
      } else {
        batch.lines.push({
          ordinal,
          key: record.key ?? coveredKey(request.requestKey ?? '', position),
          record,
        });
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

  return { verdicts, plan: { batches: [...batches.values()].sort((a, b) => a.tableId - b.tableId), rows } };
}

/** A request's row points at the request's first record, whichever records its key covers. */
function firstPosition(unit: Unit): number {
  return unit.kind === 'request' ? 0 : (unit.positions[0] ?? 0);
}

function sourceOf(known: Newcomer | LedgerRow, offset: number): TokenSource {
  return 'token' in known
    ? { token: known.token + offset }
    : { batch: known.batch, ordinal: known.ordinal + offset };
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
