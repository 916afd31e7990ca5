import type { DeadLetter, ReplayedEvent } from '../bus/index.js';
import { AppError } from '../../kernel/index.js';
import type { RecordValidator } from '../tables/index.js';
import { MAX_NESTING, MAX_PAYLOAD_CHARS } from './ingest-limits.js';
import { JsonFaultError, parseLossless } from './lossless-json.js';
import { faultReason, misfitReason } from './record-reasons.js';
import { noKeyFault, readRecord, type FieldFault } from './sent-record.js';

/** The event of a dead letter in the form of the bus, or why it still is none. */
export type RevivedRecord =
  | { readonly event: ReplayedEvent; readonly reason?: undefined }
  | { readonly event?: undefined; readonly reason: string };

/** Checks a dead letter's record as ingest would check it now. */
export function reviveRecord(letter: DeadLetter, validator: RecordValidator): RevivedRecord {
  // Only an event whose line could not be read has no key.
  if (letter.key === '') return { reason: 'what is left of the event cannot be read' };
  const sent = parse(letter.record);
  if (sent.reason !== undefined) return { reason: sent.reason };
  const faults: FieldFault[] = [];
  const record = readRecord(sent.value, (fault) => faults.push(fault));
  if (record === undefined) return { reason: faultReason(faults) };
  const { op, payload } = record;
  const fitting = validator.for(op);
  if (fitting === undefined) return { reason: faultReason([noKeyFault(op)]) };
  if (!fitting.normalise(payload)) return { reason: misfitReason(fitting, payload) };
  const text = JSON.stringify(payload);
  if (text.length > MAX_PAYLOAD_CHARS)
    return { reason: `$.payload: is over ${MAX_PAYLOAD_CHARS} characters with the defaults of its columns` };
  // An event without a time of its own keeps the time that it came in.
  const eventTime = record.eventTime ?? letter.failedAt.toISOString();
  return { event: { key: letter.key, op, eventTime, payload: text } };
}

function parse(text: string): { readonly value?: unknown; readonly reason?: string } {
  const bytes = Buffer.from(text);
  try {
    return { value: parseLossless(bytes, 0, bytes.length, MAX_NESTING).value };
  } catch (error) {
    if (error instanceof JsonFaultError || error instanceof AppError) return { reason: error.message };
    throw error;
  }
}
