import type { EventOp } from './ingest-bus.js';

/** An event that no file can hold, on its way to the dead letters. */
export interface DeadEvent {
  readonly tableId: number;
  readonly token: number;
  /** Empty where it can be read no more. */
  readonly key: string;
  /** The event as a client would send it, without its key; or what is left of it. */
  readonly record: string;
  readonly op: EventOp;
  readonly reason: string;
}
