import type { IngestRecord, IngestRequest } from './ingest-bus.js';
import { coveredHash, coveredKey, storedKey } from './stored-key.js';

/** A row of the ledger that was found committed, hence final. */
export interface LedgerRow {
  readonly contentHash: string;
  /** Token of the record, or of the first record of the request. */
  readonly token: number;
}

/** A ledger row to be written. */
export interface NewLedgerRow {
  readonly unit: Unit;
  readonly batch: PlannedBatch;
  /** Of the record, or of the first record of the request. */
  readonly ordinal: number;
  /** The request that brings it. */
  readonly request: IngestRequest;
}

/** The part of a batch that one request brings. */
export interface PlannedPart {
  readonly request: IngestRequest;
  /** Ordinal of its first record; the others follow by position. */
  readonly base: number;
  /** Positions that have an ordinal but no line. */
  readonly duplicates: ReadonlyMap<number, unknown>;
}

export interface PlannedBatch {
  readonly tableId: number;
  readonly schemaVersion: number;
  /** Ordinals taken, those of duplicates included. */
  records: number;
  readonly parts: PlannedPart[];
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
  /** The key of a record that can only be a repeat is not in the ledger any more. */
  | { readonly kind: 'lapsed' }
  | {
      readonly kind: 'kept';
      readonly acceptedCount: number;
      readonly duplicateCount: number;
      readonly quarantinedCount: number;
      /** The request's highest token is the highest of these. */
      readonly tokens: readonly TokenSource[];
    };

export interface Judgement {
  /** One for each request, in order. */
  readonly verdicts: Verdict[];
  readonly plan: GroupPlan;
}

/** One idempotency key of a request. */
export interface Unit {
  readonly storedKey: string;
  readonly contentHash: string;
  /** The first record that it answers for. */
  readonly position: number;
  /** All records that the request's key answers for; absent for a record's own key. */
  readonly covered: readonly number[] | undefined;
}

/** The keys of a request, in the order of its records. Costly (a hash a record): do it once a request. */
export function unitsOf(request: IngestRequest): Unit[] {
  const units: Unit[] = [];
  const covered: number[] = [];
  request.records.forEach(({ key, contentHash }, position) => {
    if (key === undefined) covered.push(position);
    else {
      units.push({
        storedKey: storedKey(request.tableId, 'record', key),
        contentHash,
        position,
        covered: undefined,
      });
    }
  });
  const [position] = covered;
  if (position === undefined) return units;
  const { requestKey } = request;
  if (requestKey === undefined)
    throw new Error(`record ${position} has no idempotency key, nor has its request`);
  units.push({
    storedKey: storedKey(request.tableId, 'request', requestKey),
    contentHash: coveredHash(covered.map((p) => `${p}:${request.records[p]?.contentHash ?? ''}`)),
    position,
    covered,
  });
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
  const rows = new Map<string, NewLedgerRow>();

  const verdicts = requests.map(({ request, units }): Verdict => {
    const batch = batches.get(request.tableId) ?? newBatch(request);
    const base = batch.records;
    const duplicates = new Map<number, TokenSource>();
    let fresh = 0;
    for (const unit of units) {
      const { storedKey: key, contentHash, position, covered } = unit;
      const row = rows.get(key);
      const known = row?.unit ?? ledger.get(key);
      if (known === undefined) {
        if (isRepeat(request, unit)) {
          withdraw(rows, units);
          return { kind: 'lapsed' };
        }
        fresh += 1;
        // A request's row points at the request's first record, whichever records its key covers.
        const ordinal = covered === undefined ? base + position : base;
        rows.set(key, { unit, batch, ordinal, request });
      } else if (known.contentHash !== contentHash) {
        withdraw(rows, units);
        return {
          kind: 'refused',
          position: covered === undefined ? position : undefined,
          key: (covered === undefined ? request.records[position]?.key : request.requestKey) ?? '',
          final: row === undefined || row.request === request,
        };
      } else {
        const original = row ?? (known as LedgerRow);
        if (covered === undefined) duplicates.set(position, sourceOf(original, 0));
        else for (const offset of covered) duplicates.set(offset, sourceOf(original, offset));
      }
    }
    const tokens: TokenSource[] = [...duplicates.values()];
    if (fresh === 0) {
      return {
        kind: 'kept',
        acceptedCount: 0,
        duplicateCount: duplicates.size,
        quarantinedCount: 0,
        tokens,
      };
    }

    batches.set(request.tableId, batch);
    batch.parts.push({ request, base, duplicates });
    batch.records = base + request.records.length;
    let last = request.records.length - 1;
    while (duplicates.has(last)) last -= 1;
    tokens.push({ batch, ordinal: base + last });
    const quarantinedCount = quarantinedOf(request, duplicates).length;
    return {
      kind: 'kept',
      acceptedCount: request.records.length - duplicates.size - quarantinedCount,
      duplicateCount: duplicates.size,
      quarantinedCount,
      tokens,
    };
  });

  return {
    verdicts,
    plan: {
      batches: [...batches.values()].sort((a, b) => a.tableId - b.tableId),
      rows: [...rows.values()],
    },
  };
}

const isRepeat = ({ repeats }: IngestRequest, { position, covered = [position] }: Unit): boolean =>
  repeats !== undefined && covered.some((own) => repeats.has(own));

/** Takes back what a request was to write. */
function withdraw(rows: Map<string, NewLedgerRow>, units: readonly Unit[]): void {
  for (const own of units) if (rows.get(own.storedKey)?.unit === own) rows.delete(own.storedKey);
}

/** Calls `visit` for each record that the batch keeps, in the order of their ordinals. */
export function forEachLine(
  batch: PlannedBatch,
  visit: (ordinal: number, key: string, record: IngestRecord) => void,
): void {
  for (const { request, base, duplicates } of batch.parts) {
    request.records.forEach((record, position) => {
      if (duplicates.has(position) || record.quarantinedFor !== undefined) return;
      visit(base + position, keyOf(request, record, position), record);
    });
  }
}

/** A record of the batch that goes to the dead letters. */
export interface QuarantinedRecord {
  readonly ordinal: number;
  readonly key: string;
  readonly record: IngestRecord;
}

export function quarantinedRecords(batch: PlannedBatch): QuarantinedRecord[] {
  return batch.parts.flatMap(({ request, base, duplicates }) =>
    quarantinedOf(request, duplicates).map(({ position, record }) => ({
      ordinal: base + position,
      key: keyOf(request, record, position),
      record,
    })),
  );
}

/** Ordinals of the batch that have no line, ascending. */
export function skippedOrdinals(batch: PlannedBatch): number[] {
  const skipped = batch.parts.flatMap(({ request, base, duplicates }) =>
    [...duplicates.keys(), ...quarantinedOf(request, duplicates).map(({ position }) => position)].map(
      (position) => base + position,
    ),
  );
  return skipped.sort((a, b) => a - b);
}

/** The quarantined records of a request that are new. */
function quarantinedOf(
  request: IngestRequest,
  duplicates: ReadonlyMap<number, unknown>,
): { position: number; record: IngestRecord }[] {
  const quarantined: { position: number; record: IngestRecord }[] = [];
  request.records.forEach((record, position) => {
    if (record.quarantinedFor !== undefined && !duplicates.has(position))
      quarantined.push({ position, record });
  });
  return quarantined;
}

const keyOf = (request: IngestRequest, record: IngestRecord, position: number): string =>
  record.key ?? coveredKey(request.requestKey ?? '', position);

function sourceOf(original: NewLedgerRow | LedgerRow, offset: number): TokenSource {
  return 'token' in original
    ? { token: original.token + offset }
    : { batch: original.batch, ordinal: original.ordinal + offset };
}

function newBatch(request: IngestRequest): PlannedBatch {
  return {
    tableId: request.tableId,
    schemaVersion: request.schemaVersion,
    records: 0,
    parts: [],
  };
}
