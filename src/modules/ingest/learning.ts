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
      return { table: known, records: await records(call, known, sent, known.learns) };
    } catch (error) {
      const outgrown = error instanceof SchemaOutgrown;
      if (!outgrown && !(error instanceof MisfitRefusal)) throw error;
      // The records were changed into their body's form, so the bytes are read again.
      const body = readBody(call.body);
      const suspects = outgrown ? undefined : error.positions;
      const repeats = await this.repeats.among(known, body, call.requestKey, suspects);
      if (outgrown) return this.learn(call, known, body, repeats);
      if (repeats.size === 0) throw error;
      return { table: known, repeats, records: await records(call, known, body, false, repeats) };
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
      if (grown === undefined) break;
      table = grown;
      try {
        return { table, repeats, records: await records(call, table, body, table.learns, repeats) };
      } catch (error) {
        if (!(error instanceof SchemaOutgrown)) throw error;
      }
      body = readBody(call.body);
    }
    return { table, repeats, records: await records(call, table, body, false, repeats) };
  }

  /** The table afterwards; undefined where nothing can be changed that would help. */
  private async grow(
    call: LearningCall,
    table: IngestTable,
    body: SentBody,
    repeats: ReadonlySet<number>,
  ): Promise<IngestTable | undefined> {
    const { tenantId, tableName, quarantine, keyId } = call;
    const { tableId } = table;
    try {
      const needed = await taughtFields(table, teachersIn(body, repeats), !quarantine);
      if (needed.length === 0) return undefined;
      const known = table.columns.map(typedField);
      await this.growth.grow({ tenantId, tableId, tableName, known, needed, by: keyId });
    } catch (error) {
      // What cannot be learnt goes to the dead letters then.
      if (quarantine && isUnlearnable(error)) return undefined;
      if (error instanceof TooManyFields) throw beyondInference(tableName, error);
      if (error instanceof GrowthRefusal) throw error.placed((path) => placeOfField(body, path));
      throw error;
    }
    return this.tables.refresh(tenantId, tableName);
  }
}

const isUnlearnable = (error: unknown): boolean =>
  error instanceof TooManyFields ||
  (error instanceof AppError && (error.spec === SCHEMA_VIOLATION || error.spec === SCHEMA_INCOMPATIBLE));

const records = (
  { requestKey, quarantine }: LearningCall,
  { validator }: IngestTable,
  body: SentBody,
  learns: boolean,
  repeats?: ReadonlySet<number>,
): Promise<IngestRecord[]> => prepareRecords(body, validator, requestKey, quarantine, learns, repeats);

/** Repeats teach nothing, nor do records that are wrong in themselves. */
const teachersIn = (body: SentBody, repeats: ReadonlySet<number>): SampleRecord[] =>
  body.records.flatMap((sent, index) =>
    repeats.has(index) ? [] : (readRecord(sent, () => undefined) ?? []),
  );
