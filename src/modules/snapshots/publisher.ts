import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  CLOCK,
  DEPENDENCY_UNAVAILABLE,
  AppError,
  LOGGER,
  type Clock,
  type Logger,
} from '../../kernel/index.js';
import { Notifications, Transactions, type Tx } from '../../database/index.js';
import {
  addFiles,
  discardPendingFiles,
  insertWatermarks,
  readTableStates,
  type TableWatermark,
} from './sql/append-files.js';
import { advanceHead, findPublication, lockHead, type Head } from './sql/head.js';

/** Another publication came first, or the lease was lost. The work is dropped; the events are claimed again. */
export class PublicationRefused extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'PublicationRefused';
  }
}

/** What a claim holds of one table. */
export interface AppendedTable {
  readonly tableId: number;
  /** Highest token of the table's events in the range. */
  readonly maxVisibilityToken: number;
  /** How many events of the table are in the range, without the dead ones. */
  readonly eventCount: number;
  /** Ids of the pending files that were written for it; none where it is dropped. */
  readonly fileIds: readonly number[];
  /** How many of them are delete files. */
  readonly deleteFiles?: number;
}

export interface AppendPublication {
  readonly tenantId: string;
  /** Drawn once an attempt: it tells after a lost reply whether the publication came through. */
  readonly publicationId: string;
  /** The range (baseToken, lastToken]. */
  readonly baseToken: number;
  readonly lastToken: number;
  readonly tables: readonly AppendedTable[];
  readonly createdBy: string;
  /** How many events of the range went to the dead letters; they are no part of the tables' counts. */
  readonly deadEvents?: number;
  /** Called first, inside the transaction and before the head is locked: writes down what is published without a file. */
  readonly setAside?: (tx: Tx) => Promise<void>;
  /** Called last, inside the transaction; false refuses the publication. */
  readonly fence: (tx: Tx) => Promise<boolean>;
}

const LOOKUP_RETRY_MS = 500;

/** Publishes appends: the only door through which the watermark moves. */
@Injectable()
export class Publisher {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(Notifications) private readonly notifications: Notifications,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * One transaction, with the head's token compared and swapped. Rejects with `PublicationRefused` where the range is
   * not the next one any more. Where the reply to COMMIT is lost it looks the publication up until it knows, or until
   * `signal` aborts. Answers the snapshot's id.
   */
  async append(publication: AppendPublication, signal: AbortSignal): Promise<number> {
    const snapshotId = await this.attempt(publication, signal);
    const { tenantId, lastToken } = publication;
    this.notifications.notify('tidemark_published', `${tenantId}:${lastToken}:${snapshotId}`);
    return snapshotId;
  }

  private async attempt(publication: AppendPublication, signal: AbortSignal): Promise<number> {
    try {
      return await this.transactions.write((tx) => this.publish(tx, publication));
    } catch (error) {
      if (!(error instanceof AppError) || error.spec !== DEPENDENCY_UNAVAILABLE) throw error;
      const found = await this.lookUp(publication, signal);
      if (found === undefined) throw error;
      return found;
    }
  }

  private async publish(tx: Tx, publication: AppendPublication): Promise<number> {
    await publication.setAside?.(tx);
    const head = await lockHead(tx, publication.tenantId);
    refuseUnlessNext(head, publication);
    const states = new Map(
      (
        await readTableStates(
          tx,
          publication.tables.map((t) => t.tableId),
        )
      ).map((s) => [s.table_id, s]),
    );
    const kept = publication.tables.filter(({ tableId }) => states.get(tableId)?.dropped === false);
    const dropped = publication.tables.filter((table) => !kept.includes(table));

    const unwritten = kept.find((table) => table.eventCount > 0 && table.fileIds.length === 0);
    if (unwritten !== undefined)
      throw new PublicationRefused(`nothing was written for table ${unwritten.tableId}`);
    await discardPendingFiles(
      tx,
      dropped.flatMap((table) => table.fileIds),
    );
    const discarded = dropped.reduce((sum, table) => sum + table.eventCount, 0);
    const { deadEvents = 0 } = publication;
    const fileIds = kept.flatMap((table) => table.fileIds);
    const deleteFiles = kept.reduce((sum, table) => sum + (table.deleteFiles ?? 0), 0);
    const snapshot = await advanceHead(tx, head, {
      tenantId: publication.tenantId,
      operation: 'append',
      publicationId: publication.publicationId,
      publishedToken: publication.lastToken,
      createdBy: publication.createdBy,
      summary: {
        added_files: fileIds.length - deleteFiles,
        ...(deleteFiles > 0 && { added_delete_files: deleteFiles }),
        discarded_events: discarded,
        ...(deadEvents > 0 && { dead_events: deadEvents }),
      },
    });
    const added = await addFiles(tx, fileIds, snapshot);
    if (added !== fileIds.length) {
      throw new PublicationRefused(`${fileIds.length} files were written and ${added} are still pending`);
    }
    const watermarks = kept.flatMap((table): TableWatermark[] => {
      const state = states.get(table.tableId);
      return state === undefined
        ? []
        : [{ ...table, tableName: state.table_name, schemaVersion: state.schema_version }];
    });
    await insertWatermarks(tx, snapshot.snapshotId, watermarks);
    if (!(await publication.fence(tx))) throw new PublicationRefused('the claim is no longer ours');
    return snapshot.snapshotId;
  }

  /** After a lost reply: under the head lock the answer is final. */
  private async lookUp(publication: AppendPublication, signal: AbortSignal): Promise<number | undefined> {
    const { tenantId, publicationId } = publication;
    for (;;) {
      try {
        return await this.transactions.write(async (tx) => {
          await lockHead(tx, tenantId);
          return findPublication(tx, publicationId);
        });
      } catch (error) {
        if (signal.aborted) throw error;
        this.logger.warn(
          { err: error, tenantId, publicationId },
          'the outcome of a publication is not known yet',
        );
        await this.clock.sleep(LOOKUP_RETRY_MS, signal);
      }
    }
  }
}

function refuseUnlessNext(head: Head, publication: AppendPublication): void {
  if (head.publishedToken !== publication.baseToken) {
    throw new PublicationRefused(
      `the head is at token ${head.publishedToken} and the range begins after ${publication.baseToken}`,
    );
  }
}

/** A fresh publication id. */
export const newPublicationId = (): string => randomUUID();
