import { zstdDecompressSync } from 'node:zlib';
import type {
  Claim,
  ClaimedBatch,
  EventOp,
  IngestBus,
  IngestRecord,
  IngestRequest,
  WindowClass,
} from '../../src/modules/bus/index.js';
import type { BusBackend } from './bus-backend.js';

let lastTableId = 0;

/** Table ids are the database's: the ledger tells tenants apart by them. */
export function newTableId(): number {
  lastTableId += 1;
  return lastTableId;
}

/** Content hashes are the caller's to make: records of equal `content` count as the same content. */
export function hashOf(content: number): string {
  return content.toString(16).padStart(32, '0');
}

export interface RecordSketch {
  readonly key?: string | undefined;
  readonly content?: number;
  readonly op?: EventOp;
  readonly eventTime?: string;
  /** Told apart from the content, so that a test sees which of several equal records was kept. */
  readonly payload?: unknown;
  readonly quarantinedFor?: string;
}

export function record(sketch: RecordSketch): IngestRecord {
  return {
    key: sketch.key,
    op: sketch.op ?? 'insert',
    contentHash: hashOf(sketch.content ?? 0),
    eventTime: sketch.eventTime,
    payload: JSON.stringify(sketch.payload ?? {}),
    ...(sketch.quarantinedFor !== undefined && { quarantinedFor: sketch.quarantinedFor }),
  };
}

export type RequestSketch = Partial<Omit<IngestRequest, 'records'>> & {
  readonly records: readonly RecordSketch[];
};

/** A request that is valid at any epoch, whatever the sketch leaves open. */
export function requestOf(
  backend: BusBackend,
  tenantId: string,
  tableId: number,
  sketch: RequestSketch,
): IngestRequest {
  const { records, ...rest } = sketch;
  const request: IngestRequest = {
    tenantId,
    tableId,
    windowClass: '24h' satisfies WindowClass,
    schemaVersion: 1,
    catalogEpoch: 0,
    requestKey: undefined,
    revalidate: async () => ({ ...request, catalogEpoch: await backend.epochOf(tenantId) }),
    ...rest,
    records: records.map(record),
  };
  return request;
}

/** An event as the coordinator reads it from a claim. */
export interface ReadEvent {
  readonly token: number;
  readonly tableId: number;
  readonly batchId: number;
  readonly ordinal: number;
  readonly op: EventOp;
  readonly key: string;
  readonly eventTime: string | undefined;
  readonly payload: unknown;
  readonly schemaVersion: number;
}

interface BodyLine {
  readonly b: number;
  readonly o: number;
  readonly op: EventOp;
  readonly k: string;
  readonly e?: string;
  readonly p: unknown;
}

/** The events that a claim holds of a batch, with what every batch must keep checked. */
export function eventsOf(batch: ClaimedBatch): ReadEvent[] {
  const text = zstdDecompressSync(batch.body).toString();
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as BodyLine);
  if (text !== '' && !text.endsWith('\n')) throw new Error(`batch ${batch.batchId} ends inside a line`);
  const skipped = new Set(batch.skippedOrdinals);
  const ordinals = Array.from({ length: batch.lastToken - batch.firstToken + 1 }, (_, ordinal) => ordinal);
  const withLine = ordinals.filter((ordinal) => !skipped.has(ordinal));
  if (lines.map((line) => line.o).join() !== withLine.join()) {
    throw new Error(`batch ${batch.batchId} has other lines than its ordinals say`);
  }
  const held = lines.filter(
    ({ o }) => batch.firstToken + o >= batch.fromToken && batch.firstToken + o <= batch.toToken,
  );
  if (held.length !== batch.recordCount) {
    throw new Error(
      `batch ${batch.batchId} has ${held.length} lines and counts ${batch.recordCount} records`,
    );
  }
  return held.map((line) => {
    if (line.b !== batch.batchId) throw new Error(`a line of batch ${line.b} lies in batch ${batch.batchId}`);
    return {
      token: batch.firstToken + line.o,
      tableId: batch.tableId,
      batchId: batch.batchId,
      ordinal: line.o,
      op: line.op,
      key: line.k,
      eventTime: line.e,
      payload: line.p,
      schemaVersion: batch.schemaVersion,
    };
  });
}

/** The events of a claim, checked: batches follow one another from the base to the last token. */
export function eventsOfClaim(claim: Claim): ReadEvent[] {
  let last = claim.baseToken;
  for (const batch of claim.batches) {
    if (batch.fromToken !== last + 1) throw new Error(`a claim jumps from ${last} to ${batch.fromToken}`);
    if (batch.toToken < batch.fromToken) throw new Error(`batch ${batch.batchId} has no tokens`);
    if (batch.fromToken < batch.firstToken || batch.toToken > batch.lastToken)
      throw new Error(`a claim holds more than all of batch ${batch.batchId}`);
    last = batch.toToken;
  }
  if (last !== claim.lastToken)
    throw new Error(`a claim says it ends at ${claim.lastToken} and ends at ${last}`);
  return claim.batches.flatMap(eventsOf);
}

const LIMITS = { maxRows: 1_000, maxBytes: 64 * 1024 };

/** Claims and publishes until nothing is left, and answers the events in token order. */
export async function drain(backend: BusBackend, bus: IngestBus, tenantId: string): Promise<ReadEvent[]> {
  const events: ReadEvent[] = [];
  for (;;) {
    const claim = await bus.claim(tenantId, 'drain', LIMITS, 30_000);
    if (claim === undefined) return events;
    events.push(...eventsOfClaim(claim));
    if (!(await backend.publish(bus, claim))) throw new Error('a publication was refused');
  }
}
