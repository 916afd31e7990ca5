import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { failpoint } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import { raiseIncident, Transactions, type Tx } from '../../database/index.js';
import { DeadLetterStore, INGEST_BUS, type Claim, type DeadEvent, type IngestBus } from '../bus/index.js';
import type { WrittenFile } from '../engine/index.js';
import {
  DataFileStore,
  newPublicationId,
  Publisher,
  type AppendedTable,
  type PendingFile,
} from '../snapshots/index.js';
import { FileCache, OBJECT_STORE, ObjectKeys, type ObjectStore } from '../storage/index.js';
import { TableSchemas } from '../tables/index.js';
import { tablesOf, type TableEvents } from './claim-files.js';
import { TableWriter } from './table-writer.js';

interface CommittedTable extends AppendedTable {
  readonly dead: readonly DeadEvent[];
}

/** A file that is written, and the key of its object. */
interface WrittenObject {
  readonly key: string;
  readonly file: WrittenFile;
  /** Of a delete file: field ids of the primary key. */
  readonly equalityFieldIds?: readonly number[];
}

/**
 * Turns one claim into one snapshot: typed Parquet for each table, pending rows, uploads, publication. Events that can
 * never be written go to the dead letters with the publication.
 * What it leaves behind when it stops half way is invisible and is healed by the next claim and by garbage collection.
 */
@Injectable()
export class ClaimCommitter {
  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(TableWriter) private readonly writer: TableWriter,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    @Inject(ObjectKeys) private readonly keys: ObjectKeys,
    @Inject(FileCache) private readonly cache: FileCache,
    @Inject(TableSchemas) private readonly schemas: TableSchemas,
    @Inject(DataFileStore) private readonly dataFiles: DataFileStore,
    @Inject(DeadLetterStore) private readonly deadLetters: DeadLetterStore,
    @Inject(Publisher) private readonly publisher: Publisher,
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(settingsOf('commit')) private readonly settings: Settings['commit'],
  ) {}

  /**
   * Answers the id of the snapshot. Rejects when `signal` aborts; what was published by then stays published.
   * Rejects with `UnknownEventFault` where the range must be split.
   */
  async commit(claim: Claim, signal: AbortSignal): Promise<number> {
    await failpoint('commit.claimed');
    const directory = join(this.settings.scratchDir, `claim-${claim.claimId}-${claim.attempt}`);
    try {
      const tables: CommittedTable[] = [];
      for (const table of tablesOf(claim)) {
        signal.throwIfAborted();
        tables.push(await this.writeTable(claim, table, directory, signal));
      }
      const dead = tables.flatMap((table) => table.dead);
      const snapshotId = await this.publisher.append(
        {
          tenantId: claim.tenantId,
          publicationId: newPublicationId(),
          baseToken: claim.baseToken,
          lastToken: claim.lastToken,
          tables,
          createdBy: claim.consumer,
          deadEvents: dead.length,
          setAside: (tx) => this.setAside(tx, claim, dead),
          fence: (tx) => this.bus.fence(tx, claim),
        },
        signal,
      );
      await failpoint('commit.published');
      return snapshotId;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  private async writeTable(
    claim: Claim,
    table: TableEvents,
    directory: string,
    signal: AbortSignal,
  ): Promise<CommittedTable> {
    const { tenantId, attempt } = claim;
    const { tableId, maxVisibilityToken } = table;
    const current = (await this.schemas.current([tableId])).get(tableId);
    // Dropped, which is for ever: its events are not worth a file, and could not hold the others up if they are faulty.
    if (current === undefined)
      return { tableId, maxVisibilityToken, eventCount: table.recordCount, fileIds: [], dead: [] };
    const { file, deletes, eventCount, dead } = await this.writer.write(
      { table, ...current, directory, attempt },
      signal,
    );
    const owner = { tenantId, tableId, writer: claim.claimId };
    const objects: WrittenObject[] = [
      ...(file === undefined ? [] : [{ key: this.keys.dataFile(owner), file }]),
      ...(deletes === undefined
        ? []
        : [{ key: this.keys.deleteFile(owner), file: deletes, equalityFieldIds: current.primaryKeyIds }]),
    ];
    const pending = objects.map((object) => pendingFile(claim, table, current.schemaVersion, object));
    const fileIds = await this.upload(objects, pending, signal);
    const deleteFiles = deletes === undefined ? 0 : 1;
    return { tableId, maxVisibilityToken, eventCount, fileIds, deleteFiles, dead };
  }

  /** Every row is there before the first object is. */
  private async upload(
    objects: readonly WrittenObject[],
    pending: readonly PendingFile[],
    signal: AbortSignal,
  ): Promise<number[]> {
    if (objects.length === 0) return [];
    const rows = await this.transactions.single((pool) => this.dataFiles.insertPending(pool, pending));
    if (rows.length !== pending.length)
      throw new Error(`of ${pending.length} object keys one was drawn twice`);
    await failpoint('commit.pending_row');
    for (const { key, file } of objects) {
      await this.store.putFile(key, file.path, { sha256: file.sha256, signal });
      await failpoint('commit.uploaded');
      await this.cache.offer({ key, sizeBytes: file.sizeBytes, sha256: file.sha256 }, file.path);
    }
    return rows.map(({ fileId }) => fileId);
  }

  private async setAside(tx: Tx, claim: Claim, dead: readonly DeadEvent[]): Promise<void> {
    const [first] = dead;
    if (first === undefined) return;
    await this.deadLetters.insert(tx, claim.tenantId, dead);
    await raiseIncident(tx, {
      tenantId: claim.tenantId,
      type: 'dead_letters',
      severity: 'warning',
      summary: `${dead.length} event(s) could not be written and went to the dead letters`,
      details: {
        count: dead.length,
        table_ids: [...new Set(dead.map(({ tableId }) => tableId))],
        first_token: first.token,
        first_reason: first.reason,
      },
      actor: claim.consumer,
    });
  }
}

function pendingFile(
  claim: Claim,
  table: TableEvents,
  schemaVersion: number,
  { key, file: written, equalityFieldIds }: WrittenObject,
): PendingFile {
  return {
    tenantId: claim.tenantId,
    tableId: table.tableId,
    claimId: claim.claimId,
    path: key,
    schemaVersion,
    recordCount: written.rowCount,
    fileSizeBytes: written.sizeBytes,
    sha256: Buffer.from(written.sha256, 'hex'),
    minVisibilityToken: table.minVisibilityToken,
    maxVisibilityToken: table.maxVisibilityToken,
    minEventTime: written.minEventTime,
    maxEventTime: written.maxEventTime,
    columnStats: written.columnStats,
    ...(equalityFieldIds !== undefined && { content: 'deletes' as const, equalityFieldIds }),
  };
}
