export { BusModule } from './bus.module.js';
export { IDEMPOTENCY_KEY_REUSED } from './bus.errors.js';
export type { DeadEvent } from './dead-event.js';
export { DeadLetterStore, type DeadEventFate, type DeadLetter } from './dead-letter.store.js';
export { DeadLetterUpkeep, type DeadLetterReport } from './dead-letter-upkeep.js';
export { LedgerUpkeep, type UpkeepReport } from './ledger-upkeep.js';
export { LedgerUpkeepModule } from './ledger-upkeep.module.js';
export { isEpochChange, ReplayAppender, type ReplayedEvent } from './replay-appender.js';
export { endLeases } from './sql/end-leases.js';
export {
  INGEST_BUS,
  WINDOW_CLASSES,
  type Backlog,
  type Claim,
  type ClaimedBatch,
  type ClaimLimits,
  type EventOp,
  type IngestAck,
  type IngestBus,
  type IngestRecord,
  type IngestRequest,
  type LedgerEntry,
  type RequestLedgerEntry,
  type WindowClass,
} from './ingest-bus.js';
