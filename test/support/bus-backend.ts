import type { Claim, IngestBus } from '../../src/modules/bus/index.js';

/** What the conformance suite needs from the surroundings of an `IngestBus`: the catalog's part of the protocol. */
export interface BusBackend {
  /** A bus as another process would have it: nothing in memory is shared. */
  open(): Promise<IngestBus>;
  createTenant(): Promise<string>;
  /** As a schema change or a drop does it. Answers the new epoch and the clock at that moment. */
  raiseEpoch(tenantId: string): Promise<{ epoch: number; clock: number }>;
  epochOf(tenantId: string): Promise<number>;
  /** The last token given out. */
  clockOf(tenantId: string): Promise<number>;
  /** As the publisher does it: the head is compared and swapped and the claim fenced in one transaction, then acked. */
  publish(bus: IngestBus, claim: Claim): Promise<boolean>;
  /** The fence alone, in a transaction that commits. */
  fence(bus: IngestBus, claim: Claim): Promise<boolean>;
  close(): Promise<void>;
}
