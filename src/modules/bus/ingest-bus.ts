import type { Tx } from '../../database/index.js';

/** Injection token of the `IngestBus` port. */
export const INGEST_BUS = Symbol('IngestBus');

export type EventOp = 'insert' | 'upsert' | 'delete';

/** How long idempotency keys of a table are remembered at least. */
export const WINDOW_CLASSES = ['1h', '24h', '7d', '30d'] as const;
export type WindowClass = (typeof WINDOW_CLASSES)[number];

export interface IngestRecord {
  /** The record's own idempotency key; absent where the request's key covers it. */
  readonly key: string | undefined;
  readonly op: EventOp;
  /** 128 bits in hex over op, event time and payload as sent, in canonical form. */
  readonly contentHash: string;
  /** RFC 3339 in UTC; absent means the time of ingestion. */
  readonly eventTime: string | undefined;
  /** JSON text of the payload with the schema's defaults, on one line, ready for the body. */
  readonly payload: string;
  /**
   * Why the record is quarantined: it takes a key and a token as the others do and goes to the dead letters instead of
   * the body, in the same transaction. Its `payload` is the record as it was sent.
   */
  readonly quarantinedFor?: string;
}

/** One client request: all of its records are kept or none is. */
export interface IngestRequest {
  readonly tenantId: string;
  readonly tableId: number;
  readonly windowClass: WindowClass;
  readonly schemaVersion: number;
  /** The catalog epoch that the records were validated at. */
  readonly catalogEpoch: number;
  /** The `Idempotency-Key` header; covers the records without a key of their own. Required where there are any. */
  readonly requestKey: string | undefined;
  /** At least one. */
  readonly records: readonly IngestRecord[];
  /**
   * Positions of records that do not fit the table, but whose keys were found in the ledger: they can only be duplicates
   * or refused, and are never written.
   */
  readonly repeats?: ReadonlySet<number>;
  /** Validates the same records at the current epoch. Rejects with the client's error where they no longer pass. */
  readonly revalidate: () => Promise<IngestRequest>;
}

export interface IngestAck {
  readonly acceptedCount: number;
  readonly duplicateCount: number;
  /** Absent where there are none. */
  readonly quarantinedCount?: number;
  /**
   * Highest token of the request's records, the originals of its duplicates included. Of an original that was dead and
   * replayed, its newest.
   */
  readonly maxVisibilityToken: number;
}

/** What became of one event. The bus knows only what was accepted; visibility is the catalog's to say. */
export interface LedgerEntry {
  readonly visibilityToken: number;
  readonly batchId: number;
}

/** What became of one request under an `Idempotency-Key`. */
export interface RequestLedgerEntry {
  readonly firstToken: number;
  readonly lastToken: number;
  readonly recordCount: number;
}

export interface ClaimLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/** A batch inside a claim, or the part of it that lies in the claim: the payloads of one group commit for one table. */
export interface ClaimedBatch {
  readonly batchId: number;
  readonly tableId: number;
  readonly schemaVersion: number;
  /** Of the whole batch. A record's token is this plus its ordinal. */
  readonly firstToken: number;
  /** Of the whole batch. */
  readonly lastToken: number;
  /** The first token of the batch that the claim holds; above `firstToken` where the rest was published before. */
  readonly fromToken: number;
  /** The last token of the batch that the claim holds; below `lastToken` where the claim was split. */
  readonly toToken: number;
  /** How many events the claim holds of the batch. */
  readonly recordCount: number;
  /** Ordinals of the whole batch that have no line, ascending. */
  readonly skippedOrdinals: readonly number[];
  readonly ingestedAt: Date;
  /**
   * Of the whole batch. NDJSON, zstd, in the order of the ordinals.
   * A line is `{b: batch id, o: ordinal, op, k: key, e: event time or absent, p: payload}`.
   */
  readonly body: Buffer;
}

/** A lease on the contiguous token range (baseToken, lastToken] of one tenant. */
export interface Claim {
  readonly claimId: number;
  readonly tenantId: string;
  readonly consumer: string;
  /** From 1; grows while the claim is not published, whoever tries. */
  readonly attempt: number;
  /** The attempt before this one ended without a word: its lease ran out. */
  readonly afterLostLease: boolean;
  readonly baseToken: number;
  readonly lastToken: number;
  /** In token order, one after the other. The first and the last may be parts. */
  readonly batches: readonly ClaimedBatch[];
}

/** A tenant with events above its published token. */
export interface Backlog {
  readonly tenantId: string;
  readonly publishedToken: number;
  readonly lastToken: number;
  readonly pendingEvents: number;
  readonly pendingBytes: number;
  /** Milliseconds since the oldest pending batch was ingested, by the bus's clock. */
  readonly oldestAgeMs: number;
}

/**
 * The durable log between the API and the coordinator.
 *
 * Atomic: an `append` keeps the whole request or nothing, its quarantined records included. When it resolves the events
 * are durable.
 * Ordered: tokens of a tenant grow in commit order, over all its tables. A claim begins at the tenant's published token,
 * wherever that lies: a batch that was published in part is delivered from there on, and what lies at or below is
 * dropped by the bus and never delivered again. The range has no gaps in what was acknowledged.
 * Idempotent: a key is accepted once in its window; `ack`, `nack` and `requeueExpired` may be repeated.
 * Leased: a tenant has one live claim at most, whichever process asks. Attempts of a claim only grow, and its split
 * goes with the base, so both outlive the consumer.
 * Fenced: `extendLease`, `ack` and `nack` match claim id and attempt; a lost lease answers false and changes nothing.
 * Not promised: exactly-once delivery. A range may be delivered again until it is published, also to a consumer that
 * is still at work on it; the publisher's compare-and-swap lets one of them through. Nor fairness among tenants, nor
 * that a claim reaches the clock.
 *
 * A bus that is not in the catalog's database keeps the position at the published token by `ack`, which may come late
 * or never, and trims by the token what it delivers again. It answers true in `fence`.
 */
export interface IngestBus {
  /** Rejects with IDEMPOTENCY_KEY_REUSED, with SERVER_BUSY where the key of one of `repeats` is gone, or with what `revalidate` rejected with. */
  append(request: IngestRequest): Promise<IngestAck>;
  /** Looks keys up in their window. Keys that are not found are absent from the answer. */
  findRecords(
    tableId: number,
    window: WindowClass,
    keys: readonly string[],
  ): Promise<Map<string, LedgerEntry>>;
  /** As `findRecords`, for keys that cover requests. */
  findRequests(
    tableId: number,
    window: WindowClass,
    requestKeys: readonly string[],
  ): Promise<Map<string, RequestLedgerEntry>>;
  /** Tenants whose oldest unpublished batch could be claimed now, the longest waiting first. */
  backlog(): Promise<Backlog[]>;
  /** Leases the tenant's oldest unpublished batches: at least one batch, up to the limits. */
  claim(tenantId: string, consumer: string, limits: ClaimLimits, leaseMs: number): Promise<Claim | undefined>;
  /** False when the lease is lost. */
  extendLease(claim: Claim, leaseMs: number): Promise<boolean>;
  /**
   * Called inside the publication's transaction; false refuses the publication. A bus that lives in the catalog's
   * database checks and settles the claim here, so that it is acked with the publication or not at all.
   */
  fence(tx: Tx, claim: Claim): Promise<boolean>;
  /** Called after the publication. False when the claim was not this consumer's any more. */
  ack(claim: Claim): Promise<boolean>;
  /**
   * Gives the claim back; its range can be claimed again after `delayMs`. With `splitRows` the next claim from the same
   * base has at most so many tokens, inside a batch if need be. Each publication after that doubles the bound, until it
   * is no less than the limits. It is kept with the base, not in the consumer.
   */
  nack(claim: Claim, delayMs: number, cause: string, splitRows?: number): Promise<boolean>;
  /** Frees what consumers held whose lease is over. Answers how many claims that were. */
  requeueExpired(): Promise<number>;
  /** Begins the next generation of a window class, or of the bodies. Calls that overlap begin one, not two. */
  rotate(windowClass: WindowClass | 'body'): Promise<void>;
}
