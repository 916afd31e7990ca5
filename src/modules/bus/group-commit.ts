import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError, FairShares, QUEUE_FULL, SERVER_BUSY } from '../../kernel/index.js';
import type { IngestAck, IngestRequest } from './ingest-bus.js';
import { unitsOf, type JudgedRequest } from './judgement.js';

/** A request that waits for its group. */
export interface PendingRequest extends JudgedRequest {
  /** Of its payloads. */
  readonly characters: number;
  readonly resolve: (ack: IngestAck) => void;
  readonly reject: (error: unknown) => void;
}

/** A group closes at this many records or bytes; a larger request stands alone. */
const MAX_RECORDS = 10_000;
const MAX_CHARACTERS = 8 * 1024 * 1024;

/** Of fewer records the call itself is what a group costs. */
const SMALL_GROUP = 100;

/**
 * Bytes of all requests that wait or are in flight. A tenant may hold no more of them than stay free: one alone half,
 * which is a request of the largest size.
 */
const MAX_HELD_BYTES = 256 * 1024 * 1024;
/** What a record takes beside its payload: its object, hashes and keys. */
const RECORD_BYTES = 512;
const RETRY_AFTER_MS = 1000;

/** Commits one group. It must settle every request of the group itself and never reject. */
export type CommitGroup = (group: PendingRequest[]) => Promise<void>;

/**
 * Merges concurrent requests of a tenant: while one group is in flight the next requests gather, and then commit
 * together. There is no timer, so a lone request waits for nobody; but a small group lets the event loop turn once, so that
 * the requests that have arrived with it join. What is held is bounded, in all and by tenant.
 */
export class GroupCommit {
  private readonly queues = new Map<string, PendingRequest[]>();
  private readonly bytes: FairShares;

  constructor(
    private readonly commitGroup: CommitGroup,
    maxHeldBytes = MAX_HELD_BYTES,
  ) {
    this.bytes = new FairShares(maxHeldBytes);
  }

  /** Bytes of the requests that wait or are in flight. */
  get heldBytes(): number {
    return this.bytes.held;
  }

  /** Rejects with QUEUE_FULL or SERVER_BUSY where too much waits, and with whatever the commit rejects it with. */
  async submit(request: IngestRequest): Promise<IngestAck> {
    const { tenantId } = request;
    const units = unitsOf(request);
    const characters = charactersOf(request);
    const bytes = characters + request.records.length * RECORD_BYTES;
    this.hold(tenantId, bytes);
    try {
      const { promise, resolve, reject } = Promise.withResolvers<IngestAck>();
      this.enqueue(tenantId, { request, units, characters, resolve, reject });
      return await promise;
    } finally {
      this.bytes.give(tenantId, bytes);
    }
  }

  private enqueue(tenantId: string, pending: PendingRequest): void {
    const queue = this.queues.get(tenantId);
    if (queue !== undefined) {
      queue.push(pending);
      return;
    }
    this.queues.set(tenantId, [pending]);
    void this.drain(tenantId);
  }

  private hold(tenantId: string, bytes: number): void {
    const refusal = this.bytes.take(tenantId, bytes);
    if (refusal === undefined) return;
    const options = { retryAfterMs: RETRY_AFTER_MS };
    if (refusal === 'full') throw new AppError(SERVER_BUSY, 'Too many events wait to be stored.', options);
    throw new AppError(QUEUE_FULL, 'Too many events of the tenant wait to be stored.', options);
  }

  private async drain(tenantId: string): Promise<void> {
    for (;;) {
      if (isSmall(this.queues.get(tenantId) ?? [])) await nextTurn();
      const { group, rest } = takeGroup(this.queues.get(tenantId) ?? []);
      if (group.length === 0) break;
      this.queues.set(tenantId, rest);
      await this.commitGroup(group);
    }
    this.queues.delete(tenantId);
  }
}

/** The oldest request and those after it that may go with it: one window class, within the limits, in order. */
export function takeGroup(queue: readonly PendingRequest[]): {
  group: PendingRequest[];
  rest: PendingRequest[];
} {
  const group: PendingRequest[] = [];
  const rest: PendingRequest[] = [];
  let records = 0;
  let characters = 0;
  let closed = false;
  for (const pending of queue) {
    const { request } = pending;
    const fits =
      group.length === 0 ||
      (!closed &&
        request.windowClass === group[0]?.request.windowClass &&
        records + request.records.length <= MAX_RECORDS &&
        characters + pending.characters <= MAX_CHARACTERS);
    if (fits) {
      group.push(pending);
      records += request.records.length;
      characters += pending.characters;
    } else {
      // Requests of one class keep their order: nothing overtakes one that did not fit.
      closed ||= request.windowClass === group[0]?.request.windowClass;
      rest.push(pending);
    }
  }
  return { group, rest };
}

function isSmall(queue: readonly PendingRequest[]): boolean {
  let records = 0;
  for (const { request } of queue) {
    records += request.records.length;
    if (records >= SMALL_GROUP) return false;
  }
  return records > 0;
}

function charactersOf(request: IngestRequest): number {
  let characters = 0;
  for (const record of request.records) characters += record.payload.length;
  return characters;
}
