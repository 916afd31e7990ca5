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

/** Commits one group. It must settle every request of the group itself and never reject. */
export type CommitGroup = (group: PendingRequest[]) => Promise<void>;

/**
 * Merges concurrent requests of a tenant: while one group is in flight the next requests gather, and then commit
 * together. There is no timer, so a lone request waits for nobody.
 */
export class GroupCommit {
  private readonly queues = new Map<string, PendingRequest[]>();

  constructor(private readonly commitGroup: CommitGroup) {}

  submit(request: IngestRequest): Promise<IngestAck> {
    return new Promise((resolve, reject) => {
      const pending: PendingRequest = {
        request,
        units: unitsOf(request),
        characters: charactersOf(request),
        resolve,
        reject,
      };
      const queue = this.queues.get(request.tenantId);
      if (queue !== undefined) {
        queue.push(pending);
        return;
      }
      this.queues.set(request.tenantId, [pending]);
      void this.drain(request.tenantId);
    });
  }

  private async drain(tenantId: string): Promise<void> {
    for (;;) {
      const queue = this.queues.get(tenantId) ?? [];
      const { group, rest } = takeGroup(queue);
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

function charactersOf(request: IngestRequest): number {
  let characters = 0;
  for (const record of request.records) characters += record.payload.length;
  return characters;
}
