import { AppError, inTurns, PAYLOAD_TOO_LARGE, REQUEST_INVALID } from '../../kernel/index.js';
import type { IngestRecord } from '../bus/index.js';
import {
  isJsonObject,
  SCHEMA_VIOLATION,
  type PayloadValidator,
  type RecordValidator,
} from '../tables/index.js';
import { CanonicalWriter, contentHash, ValueTooLongError } from './canonical-form.js';
import { IDEMPOTENCY_KEY_REQUIRED, PRIMARY_KEY_REQUIRED } from './ingest.errors.js';
import { MisfitRefusal } from './misfit-refusal.js';
import { SchemaOutgrown } from './schema-outgrown.js';
import { MAX_PAYLOAD_CHARS } from './ingest-limits.js';
import { Violations, type RequestViolation } from './request-violations.js';
import { faultRefusal, type SentBody } from './sent-body.js';
import { faultReason, misfitReason } from './record-reasons.js';
import { isIdempotencyKey, isOp, noKeyFault, readRecord, type FieldFault } from './sent-record.js';

/**
 * Checks every record and puts it into the form of the bus. Changes the payloads in `body`, which is of no use
 * afterwards. Rejects with REQUEST_INVALID, IDEMPOTENCY_KEY_REQUIRED, PRIMARY_KEY_REQUIRED or SCHEMA_VIOLATION, in this
 * order, naming the first 100 reasons. With `quarantine` a record that is wrong but has a usable key is prepared for the
 * dead letters, and only the others refuse the request. With `learns` it rejects with `SchemaOutgrown` where nothing but
 * the schema is in the way. Those of `repeats` need not fit: they are prepared without a payload. Where others do not fit,
 * the refusal is a `MisfitRefusal`.
 */
export async function prepareRecords(
  body: SentBody,
  validator: RecordValidator,
  requestKey: string | undefined,
  quarantine = false,
  learns = false,
  repeats: ReadonlySet<number> = NONE,
): Promise<IngestRecord[]> {
  const preparation = new Preparation(body, validator, requestKey !== undefined, quarantine, learns, repeats);
  await inTurns(body.records, (sent, index) => preparation.addRecord(index, sent));
  return preparation.finish();
}

const NONE: ReadonlySet<number> = new Set();

class Preparation {
  private readonly prepared: IngestRecord[] = [];
  private readonly malformed = new Violations();
  private readonly keyless = new Violations();
  private readonly untaken = new Violations();
  private readonly misfits = new Violations();
  /** Of the records that only their table is against. */
  private readonly unfit: number[] = [];
  private readonly canonical = new CanonicalWriter();
  private recordMembers = 0;
  private outgrown = false;
  /** The records as they were sent, once one is needed. */
  private pristine: readonly unknown[] | undefined;

  constructor(
    private readonly body: SentBody,
    private readonly validator: RecordValidator,
    private readonly covered: boolean,
    private readonly quarantine: boolean,
    private readonly learns: boolean,
    private readonly repeats: ReadonlySet<number>,
  ) {}

  finish(): IngestRecord[] {
    if (this.recordMembers + this.canonical.members !== this.body.members) this.refuseDuplicate();
    this.malformed.refuse(REQUEST_INVALID);
    this.keyless.refuse(IDEMPOTENCY_KEY_REQUIRED);
    const untaken = this.untaken.refusal(PRIMARY_KEY_REQUIRED);
    if (untaken === undefined && this.outgrown) throw new SchemaOutgrown();
    const refusal = untaken ?? this.misfits.refusal(SCHEMA_VIOLATION);
    if (refusal !== undefined) throw new MisfitRefusal(refusal, this.unfit);
    return this.prepared;
  }

  addRecord(index: number, sent: unknown): void {
    const faults: FieldFault[] = [];
    const record = readRecord(sent, (fault) => faults.push(fault));
    if (record === undefined) return this.addMalformed(index, sent, faults);
    const { key, op, eventTime, payload } = record;
    this.recordMembers += Object.keys(sent as object).length;
    if (key === undefined && !this.covered) this.refuseKeyless(index);
    // Before the defaults, and before the validator puts the body's forms in.
    const hash = contentHash(op, eventTime, this.canonicalOf(index, payload));
    if (this.repeats.has(index)) {
      this.prepared.push({ key, op, contentHash: hash, eventTime, payload: '' });
      return;
    }
    const validator = this.validator.for(op);
    if (validator === undefined) {
      const fault = noKeyFault(op);
      if (!this.quarantine) return this.refuseOp(index, fault);
      return this.setAside(index, { key, op, contentHash: hash, eventTime }, faultReason([fault]));
    }
    if (this.outgrown) return;
    if (!validator.normalise(payload)) {
      this.outgrown = this.learns;
      if (this.outgrown) return;
      if (!this.quarantine) return this.refuseMisfit(index, validator, payload);
      const reason = misfitReason(validator, payload);
      return this.setAside(index, { key, op, contentHash: hash, eventTime }, reason);
    }
    const text = JSON.stringify(payload);
    if (text.length > MAX_PAYLOAD_CHARS) this.refuseSize(index);
    this.prepared.push({ key, op, contentHash: hash, eventTime, payload: text });
  }

  private addMalformed(index: number, sent: unknown, faults: readonly FieldFault[]): void {
    const { idempotency_key: key, op } = isJsonObject(sent) ? sent : {};
    if (!this.quarantine || (key !== undefined && !isIdempotencyKey(key))) {
      for (const fault of faults) this.malformed.add(this.placed(index, fault));
      return;
    }
    if (key === undefined && !this.covered) this.refuseKeyless(index);
    const hash = contentHash('malformed', undefined, this.canonicalOf(index, sent));
    const record = { key, op: isOp(op) ? op : 'insert', contentHash: hash, eventTime: undefined } as const;
    this.setAside(index, record, faultReason(faults));
  }

  private placed(index: number, { path, ...fault }: FieldFault): RequestViolation {
    const place = this.body.placeOf(index);
    return { record: index, ...place, path: place.path + path, ...fault };
  }

  private setAside(index: number, record: Omit<IngestRecord, 'payload'>, reason: string): void {
    this.pristine ??= this.body.reread();
    const payload = JSON.stringify(this.pristine[index]);
    if (payload.length > MAX_PAYLOAD_CHARS) this.refuseSize(index);
    this.prepared.push({ ...record, payload, quarantinedFor: reason });
  }

  private canonicalOf(index: number, payload: unknown): string {
    try {
      return this.canonical.write(payload);
    } catch (error) {
      if (error instanceof ValueTooLongError) this.refuseSize(index);
      throw error;
    }
  }

  private refuseKeyless(index: number): void {
    const place = this.body.placeOf(index);
    const message = 'a record needs an idempotency_key where the request has no Idempotency-Key header';
    this.keyless.add({
      record: index,
      ...place,
      path: `${place.path}.idempotency_key`,
      message,
      found: 'nothing',
    });
  }

  private refuseOp(index: number, fault: FieldFault): void {
    this.unfit.push(index);
    this.untaken.add(this.placed(index, fault));
  }

  private refuseMisfit(index: number, validator: PayloadValidator, payload: Record<string, unknown>): void {
    this.unfit.push(index);
    const place = this.body.placeOf(index);
    // One is asked for even without room, so that the rest is counted by records.
    for (const misfit of validator.violations(payload, Math.max(1, this.misfits.room))) {
      const { path, expected, rule, found } = misfit;
      const message = `expected ${rule}; found ${found}`;
      this.misfits.add({
        record: index,
        ...place,
        path: `${place.path}.payload${path}`,
        message,
        expected,
        found,
      });
    }
  }

  private refuseSize(index: number): never {
    throw new AppError(
      PAYLOAD_TOO_LARGE,
      `The payload of record ${index} is over ${MAX_PAYLOAD_CHARS} characters.`,
      {
        context: { record: index, max_payload_chars: MAX_PAYLOAD_CHARS },
      },
    );
  }

  /** The text has more members than the records: a key was there twice, unless a record was refused unread. */
  private refuseDuplicate(): void {
    const duplicate = this.body.findDuplicate();
    if (duplicate !== undefined) throw faultRefusal(duplicate.fault, duplicate.line);
    if (this.malformed.count === 0) throw new Error('the members of a body do not add up');
  }
}
