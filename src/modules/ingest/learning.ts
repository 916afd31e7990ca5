import { Inject, Injectable } from '@nestjs/common';
import { AppError, inTurns, type TypedField } from '../../kernel/index.js';
import type { IngestBody } from '../../http/index.js';
import type { IngestRecord } from '../bus/index.js';
import {
  beyondInference,
  FieldNeeds,
  GrowthRefusal,
  SCHEMA_INCOMPATIBLE,
  SCHEMA_VIOLATION,
  TableGrowth,
  TableRegistry,
  TooManyFields,
  type IngestTable,
} from '../tables/index.js';
import { placeOfField } from './field-place.js';
import { prepareRecords } from './prepared-records.js';
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
}

/** A value may need several steps up to json, and others may change the table between two of ours. */
const MAX_ATTEMPTS = 10;

/** Prepares records for tables that take their schema from them. */
@Injectable()
export class Learning {
  constructor(
    @Inject(TableRegistry) private readonly tables: TableRegistry,
    @Inject(TableGrowth) private readonly growth: TableGrowth,
  ) {}

  /** As `prepareRecords`; a table that learns is changed first where the records do not fit it. */
  async prepare(call: LearningCall, known: IngestTable, sent: SentBody): Promise<Prepared> {
    let table = known;
    let body = sent;
    for (let attempt = 1; table.learns && attempt <= MAX_ATTEMPTS; attempt++) {
      try {
        return { table, records: await this.records(call, table, body, true) };
      } catch (error) {
        if (!(error instanceof SchemaOutgrown)) throw error;
      }
      // The records were changed into their body's form, so the bytes are read again.
      body = readBody(call.body);
      const grown = await this.grow(call, table, body);
      if (grown === undefined) break;
      table = grown;
    }
    return { table, records: await this.records(call, table, body, false) };
  }

  private async records(
    { requestKey, quarantine }: LearningCall,
    { validator }: IngestTable,
    body: SentBody,
    learns: boolean,
  ): Promise<IngestRecord[]> {
    return prepareRecords(body, validator, requestKey, quarantine, learns);
  }

  /** The table afterwards; undefined where nothing can be changed that would help. */
  private async grow(
    call: LearningCall,
    table: IngestTable,
    body: SentBody,
  ): Promise<IngestTable | undefined> {
    const { tenantId, tableName, quarantine, keyId } = call;
    try {
      const needed = await neededFields(table, body);
      if (needed.length === 0) return undefined;
      await this.growth.grow({ tenantId, tableId: table.tableId, tableName, needed, by: keyId });
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

async function neededFields(table: IngestTable, body: SentBody): Promise<TypedField[]> {
  const needs = new FieldNeeds(table.fields);
  await inTurns(body.records, (sent, index) => {
    const record = readRecord(sent, () => undefined);
    if (record !== undefined) needs.observe(record.payload, index);
  });
  return needs.result({ forGood: !table.evolves });
}
