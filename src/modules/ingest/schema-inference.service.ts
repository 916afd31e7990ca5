import { Inject, Injectable } from '@nestjs/common';
import { AppError, inTurns } from '../../kernel/index.js';
import type { IngestBody } from '../../http/index.js';
import {
  proposeSchema,
  SCHEMA_VIOLATION,
  TablesService,
  type EvolutionMode,
  type SchemaProposal,
} from '../tables/index.js';
import { prepareRecords } from './prepared-records.js';
import { readBody } from './sent-body.js';
import { readRecord } from './sent-record.js';

export interface InferenceRequest {
  readonly tenantId: string;
  readonly body: IngestBody;
  /** Absent: a table that is yet to be made. */
  readonly tableName: string | undefined;
  /** Absent: that of the table, else strict. */
  readonly evolutionMode: EvolutionMode | undefined;
}

export interface InferenceOutcome extends SchemaProposal {
  readonly recordCount: number;
  /** Why events of the sample would be refused all the same. */
  readonly violations: readonly unknown[];
}

/** Says what would be made of a sample. Nothing is stored. */
@Injectable()
export class SchemaInference {
  constructor(@Inject(TablesService) private readonly tables: TablesService) {}

  /** Rejects with REQUEST_INVALID as ingest does, and with TABLE_NOT_FOUND. */
  async infer({ tenantId, body, tableName, evolutionMode }: InferenceRequest): Promise<InferenceOutcome> {
    const table = tableName === undefined ? undefined : await this.tables.get(tenantId, tableName);
    const payloads: Record<string, unknown>[] = [];
    await inTurns(readBody(body).records, (sent) => {
      const record = readRecord(sent, () => undefined);
      if (record !== undefined) payloads.push(record.payload);
    });
    const proposal = await proposeSchema(payloads, table, evolutionMode);
    // The very checks of ingest, so that what they would refuse is told.
    const sent = readBody(body);
    let violations: readonly unknown[] = [];
    try {
      await prepareRecords(sent, proposal.validator, 'covers all records');
    } catch (error) {
      if (!(error instanceof AppError) || error.spec !== SCHEMA_VIOLATION) throw error;
      violations = error.context.violations as readonly unknown[];
    }
    return { ...proposal, recordCount: sent.records.length, violations };
  }
}
