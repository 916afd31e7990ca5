import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SQLSTATE, sqlStateOf, type Tx } from '../../database/index.js';
import { BatchIds } from './batch-ids.js';
import { encodeBody } from './body.js';
import type { IngestRecord, IngestRequest } from './ingest-bus.js';
import { ingestGroup } from './sql/ingest-group.js';

/** An event under its own key, in the form of the table's schema version. */
export interface ReplayedEvent {
  readonly key: string;
  readonly op: IngestRecord['op'];
  readonly eventTime: string | undefined;
  readonly payload: string;
}

/** Where replayed events go, as one request's would. */
export type ReplayTarget = Pick<
  IngestRequest,
  'tenantId' | 'tableId' | 'windowClass' | 'schemaVersion' | 'catalogEpoch'
>;

/**
 * Puts events into the log a second time, under new tokens. They have their ledger rows already: the ledger keeps the
 * old tokens, and the dead letters lead from those to the new ones.
 */
@Injectable()
export class ReplayAppender {
  private readonly batchIds: BatchIds;

  constructor(@Inject(DataSource) dataSource: DataSource) {
    this.batchIds = new BatchIds(dataSource);
  }

  /** Before the transaction: the id of its one batch. */
  async drawBatchId(): Promise<number> {
    const [id] = await this.batchIds.take(1);
    if (id === undefined) throw new Error('no batch id was drawn');
    return id;
  }

  /**
   * In the caller's transaction, which holds the dead letters and ends soon: this locks the generations and the clock.
   * Answers the token of the first event; the others follow. Rejects where the catalog epoch has changed.
   */
  async append(
    tx: Tx,
    target: ReplayTarget,
    batchId: number,
    events: readonly ReplayedEvent[],
  ): Promise<number> {
    const records = events.map((event) => ({ ...event, contentHash: '' }));
    const { tableId, schemaVersion } = target;
    const request = { ...target, requestKey: undefined, records, revalidate: neverAsked };
    const parts = [{ request, base: 0, duplicates: new Map() }];
    const batch = { tableId, schemaVersion, records: records.length, parts };
    const before = await ingestGroup(tx, {
      ...target,
      plan: { rows: [], batches: [batch] },
      batchIds: [batchId],
      bodies: [encodeBody(batchId, batch)],
    });
    return before + 1;
  }
}

/** True where `append` met a newer catalog than its target's: nothing was kept, and the target is to be read again. */
export const isEpochChange = (error: unknown): boolean => sqlStateOf(error) === SQLSTATE.ingestEpochChanged;

const neverAsked = (): Promise<never> => Promise.reject(new Error('a replay is not validated by the bus'));
