import { Inject, Injectable } from '@nestjs/common';
import { AppError, typedField } from '../../kernel/index.js';
import type { IngestBody } from '../../http/index.js';
import type { IngestRecord } from '../bus/index.js';
import {
  beyondInference,
  GrowthRefusal,
  SCHEMA_INCOMPATIBLE,
  SCHEMA_VIOLATION,
  TableGrowth,
  TableRegistry,
  taughtFields,
  TooManyFields,
  type IngestTable,
  type RecordValidator,
  type SampleRecord,
} from '../tables/index.js';
import { placeOfField } from './field-place.js';
import { MisfitRefusal } from './misfit-refusal.js';
import { prepareRecords } from './prepared-records.js';
import { Repeats } from './repeats.js';
import { SchemaOutgrown } from './schema-outgrown.js';
import { readBody, type SentBody } from './sent-body.js';
import { readRecord } from './sent-record.js';

export interface LearningCall {
  readonly tenantId: string;
  readonly tableName: string;
  readonly body: IngestBody;
  readonly requestKey: string | undefined;
  readonly quarantine: boolean;
  /** The key that writes. */
  readonly keyId: string;
}

/** Records in the form of the bus, and the table that they fit. */
export interface Prepared {
  readonly table: IngestTable;
  readonly records: IngestRecord[];
  /** Positions of records that need not fit it: the ledger has seen their keys. */
  readonly repeats?: ReadonlySet<number>;
}

/** A value may need several steps up to json, and others may change the table between two of ours. */
const MAX_ATTEMPTS = 10;

/** Prepares records, also for tables that take their schema from them. */
@Injectable()
export class Learning {
  constructor(
    @Inject(TableRegistry) private readonly tables: TableRegistry,
    @Inject(TableGrowth) private readonly growth: TableGrowth,
    @Inject(Repeats) private readonly repeats: Repeats,
  ) {}

  /**
   * As `prepareRecords`; a table that learns is changed first where the records do not fit it. Only where some do not is
   * the ledger asked for repeats, which no schema can refuse and no table learns from.
   */
  async prepare(call: LearningCall, known: IngestTable, sent: SentBody): Promise<Prepared> {
    try {
      return { table: known, records: await records(call, known.validator, sent, known.learns) };
    } catch (error) {
      const outgrown = error instanceof SchemaOutgrown;
      if (!outgrown && !(error instanceof MisfitRefusal)) throw error;
      // The records were changed into their body's form, so the bytes are read again.
      const body = readBody(call.body);
      const suspects = outgrown ? undefined : error.positions;
      const repeats = await this.repeats.among(known, body, call.requestKey, suspects);
      if (outgrown) return this.learn(call, known, body, repeats);
      if (repeats.size === 0) throw error;
      return { table: known, repeats, records: await records(call, known.validator, body, false, repeats) };
    }
  }

  private async learn(
    call: LearningCall,
    known: IngestTable,
    sent: SentBody,
    repeats: ReadonlySet<number>,
  ): Promise<Prepared> {
    let table = known;
    let body = sent;
    for (let attempt = 1; table.learns && attempt <= MAX_ATTEMPTS; attempt++) {
      const grown = await this.grow(call, table, body, repeats);
      if (grown?.records !== undefined) return { table: grown.table, repeats, records: grown.records };
      body = readBody(call.body);
      if (grown === undefined) break;
      table = grown.table;
      try {
        return { table, repeats, records: await records(call, table.validator, body, table.learns, repeats) };
      } catch (error) {
        if (!(error instanceof SchemaOutgrown)) throw error;
      }
      body = readBody(call.body);
    }
    return { table, repeats, records: await records(call, table.validator, body, false, repeats) };
  }

  /**
   * The table afterwards, and the records where it is as they were prepared for it. Undefined where nothing can be changed
   * that would help. The body is of no use afterwards.
   */
  private async grow(
    call: LearningCall,
    table: IngestTable,
    body: SentBody,
    repeats: ReadonlySet<number>,
  ): Promise<{ table: IngestTable; records: IngestRecord[] | undefined } | undefined> {
    const { tenantId, tableName, quarantine, keyId } = call;
    const { tableId } = table;
    let foreseen: { readonly validator: RecordValidator; readonly records: IngestRecord[] } | undefined;
    try {
      const { needed, validator } = await taughtFields(table, teachersIn(body, repeats), !quarantine);
      if (needed.length === 0) return undefined;
      // Before the change: a payload may be too long in the form of the new schema, and its request teaches nothing.
      if (validator !== undefined)
        foreseen = { validator, records: await records(call, validator, body, false, repeats) };
      const known = table.columns.map(typedField);
      await this.growth.grow({ tenantId, tableId, tableName, known, needed, by: keyId });
    } catch (error) {
      // What cannot be learnt goes to the dead letters then.
      if (quarantine && isUnlearnable(error)) return undefined;
      if (error instanceof TooManyFields) throw beyondInference(tableName, error);
      if (error instanceof GrowthRefusal) {
        const pristine = readBody(call.body);
        throw error.placed((path) => placeOfField(pristine, path));
      }
      throw error;
    }
    const grown = await this.tables.refresh(tenantId, tableName);
    const asForeseen = foreseen?.validator.matches(grown.validator) === true;
    return { table: grown, records: asForeseen ? foreseen?.records : undefined };
  }
}

const isUnlearnable = (error: unknown): boolean =>
  error instanceof TooManyFields ||
  (error instanceof AppError && (error.spec === SCHEMA_VIOLATION || error.spec === SCHEMA_INCOMPATIBLE));

const records = (
  { requestKey, quarantine }: LearningCall,
  validator: RecordValidator,
  body: SentBody,
  learns: boolean,
  repeats?: ReadonlySet<number>,
): Promise<IngestRecord[]> => prepareRecords(body, validator, requestKey, quarantine, learns, repeats);

/** Repeats teach nothing, nor do records that are wrong in themselves. */
const teachersIn = (body: SentBody, repeats: ReadonlySet<number>): SampleRecord[] =>
  body.records.flatMap((sent, index) =>
    repeats.has(index) ? [] : (readRecord(sent, () => undefined) ?? []),
  );
