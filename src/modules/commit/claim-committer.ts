import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { failpoint } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import { Transactions } from '../../database/index.js';
import { INGEST_BUS, type Claim, type IngestBus } from '../bus/index.js';
import { WRITE_ENGINE, type WriteEngine, type WrittenFile } from '../engine/index.js';
import {
  DataFileStore,
  newPublicationId,
  Publisher,
  type AppendedTable,
  type PendingFile,
} from '../snapshots/index.js';
import { OBJECT_STORE, ObjectKeys, type ObjectStore } from '../storage/index.js';
import { TableSchemas } from '../tables/index.js';
import { spreadBodies, type TableBodies } from './claim-files.js';

/**
 * Turns one claim into one snapshot: typed Parquet for each table, pending rows, uploads, publication.
 * What it leaves behind when it stops half way is invisible and is healed by the next claim and by garbage collection.
 */
@Injectable()
export class ClaimCommitter {
  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(WRITE_ENGINE) private readonly engine: WriteEngine,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    @Inject(ObjectKeys) private readonly keys: ObjectKeys,
    @Inject(TableSchemas) private readonly schemas: TableSchemas,
    @Inject(DataFileStore) private readonly dataFiles: DataFileStore,
    @Inject(Publisher) private readonly publisher: Publisher,
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(settingsOf('commit')) private readonly settings: Settings['commit'],
  ) {}

  /** Answers the id of the snapshot. Rejects when `signal` aborts; what was published by then stays published. */
  async commit(claim: Claim, signal: AbortSignal): Promise<number> {
    await failpoint('commit.claimed');
    const directory = join(this.settings.scratchDir, `claim-${claim.claimId}-${claim.attempt}`);
    try {
      const tables: AppendedTable[] = [];
      for (const bodies of await spreadBodies(claim, directory)) {
        signal.throwIfAborted();
        tables.push(await this.writeTable(claim, bodies, directory, signal));
      }
      const snapshotId = await this.publisher.append(
        {
          tenantId: claim.tenantId,
          publicationId: newPublicationId(),
          baseToken: claim.baseToken,
          lastToken: claim.lastToken,
          tables,
          createdBy: claim.consumer,
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
    table: TableBodies,
    directory: string,
    signal: AbortSignal,
  ): Promise<AppendedTable> {
    const { tenantId } = claim;
    const { tableId, maxVisibilityToken, recordCount } = table;
    const current = (await this.schemas.currentVersions([tableId])).get(tableId);
    // Dropped, which is for ever: its events are not worth a file, and could not hold the others up if they are faulty.
    if (current === undefined) return { tableId, maxVisibilityToken, eventCount: recordCount, fileIds: [] };
    const written = await this.engine.writeParquet(
      {
        inputs: await Promise.all(
          table.bodies.map(async ({ path, schemaVersion }) => ({
            bodyFile: path,
            columns: await this.schemas.at(tableId, schemaVersion),
          })),
        ),
        batches: table.batches.map((batch) => ({
          batchId: batch.batchId,
          firstToken: batch.firstToken,
          ingestedAt: batch.ingestedAt.toISOString(),
        })),
        columns: await this.schemas.at(tableId, current),
        sortBy: [],
        output: join(directory, `${tableId}.parquet`),
        expectedRows: recordCount,
      },
      signal,
    );
    const key = this.keys.dataFile({ tenantId, tableId, writer: claim.claimId });
    const [row] = await this.transactions.write((tx) =>
      this.dataFiles.insertPending(tx, [pendingFile(claim, table, current, key, written)]),
    );
    if (row === undefined) throw new Error(`object key ${key} was drawn twice`);
    await failpoint('commit.pending_row');
    await this.store.putFile(key, written.path, { sha256: written.sha256, signal });
    await failpoint('commit.uploaded');
    return { tableId, maxVisibilityToken, eventCount: recordCount, fileIds: [row.fileId] };
  }
}

function pendingFile(
  claim: Claim,
  table: TableBodies,
  schemaVersion: number,
  key: string,
  written: WrittenFile,
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
  };
}
