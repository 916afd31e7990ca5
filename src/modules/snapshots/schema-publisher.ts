import { Injectable } from '@nestjs/common';
import { query, sql, type Tx } from '../../database/index.js';
import { newPublicationId } from './publication.js';
import { insertWatermarks } from './sql/table-watermarks.js';
import { advanceHead, lockHead } from './sql/head.js';
import { countDroppedFiles, countLiveFiles, removeTableFiles, reopenTableFiles } from './sql/table-files.js';

/** A table as the change leaves it; as it was last for a drop. */
export interface SchemaChange {
  readonly kind: 'create_table' | 'alter_table' | 'drop_table' | 'undrop_table';
  readonly tableId: number;
  readonly tableName: string;
  readonly schemaVersion: number;
  /** The name before, where the change renames the table. */
  readonly formerName?: string | undefined;
  /** Of `undrop_table`: the snapshot that dropped the table. */
  readonly droppedSnapshotId?: number;
}

/** Files of a dropped table are gone, so it cannot come back. */
export class DroppedFilesGone extends Error {
  constructor(
    readonly lost: number,
    readonly of: number,
  ) {
    super(`${lost} of the ${of} files of the dropped table are gone`);
    this.name = 'DroppedFilesGone';
  }
}

/** Publishes schema snapshots. They do not move the published token. */
@Injectable()
export class SchemaPublisher {
  /**
   * The first lock of every transaction that changes tables: the head, which publications take too. Schema changes of a
   * tenant follow one another, and whoever holds it sees the tables as they stand.
   */
  async lockCatalog(tx: Tx, tenantId: string): Promise<void> {
    await lockHead(tx, tenantId);
  }

  /**
   * Inside the transaction that makes the change: locks the head, publishes, raises the catalog epoch.
   * Announce `tidemark_catalog` after the commit. Rejects with `DroppedFilesGone` for an undrop that comes too late.
   */
  async publishSchemaChange(
    tx: Tx,
    tenantId: string,
    change: SchemaChange,
    by: string,
  ): Promise<{ snapshotId: number; catalogEpoch: number }> {
    const head = await lockHead(tx, tenantId);
    const files = await this.filesOf(tx, change);
    const snapshotId = await advanceHead(tx, head, {
      tenantId,
      publicationId: newPublicationId(),
      createdBy: by,
      summary: {
        change: change.kind,
        table_id: change.tableId,
        table_name: change.tableName,
        schema_version: change.schemaVersion,
        ...(change.formerName !== undefined && { former_table_name: change.formerName }),
        ...(change.kind === 'drop_table' && { removed_files: files }),
        ...(change.kind === 'undrop_table' && { added_files: files }),
      },
    });
    await this.moveFiles(tx, change, snapshotId, files);
    await insertWatermarks(tx, snapshotId, [
      { ...change, maxVisibilityToken: head.publishedToken, dropped: change.kind === 'drop_table' },
    ]);
    const [clock] = await query<{ catalog_epoch: number }>(
      tx,
      sql`UPDATE tenant_clock SET catalog_epoch = catalog_epoch + 1 WHERE tenant_id = ${tenantId}
          RETURNING catalog_epoch`,
    );
    if (clock === undefined) throw new Error(`tenant ${tenantId} has no clock`);
    return { snapshotId, catalogEpoch: clock.catalog_epoch };
  }

  /** How many files the change takes from the table, or gives back to it. */
  private async filesOf(tx: Tx, change: SchemaChange): Promise<number> {
    if (change.kind === 'drop_table') return countLiveFiles(tx, change.tableId);
    return change.kind === 'undrop_table' ? countDroppedFiles(tx, change.droppedSnapshotId ?? 0) : 0;
  }

  private async moveFiles(tx: Tx, change: SchemaChange, snapshotId: number, files: number): Promise<void> {
    const { kind, tableId, droppedSnapshotId = 0 } = change;
    if (kind === 'drop_table') await removeTableFiles(tx, tableId, snapshotId);
    if (kind !== 'undrop_table') return;
    const reopened = await reopenTableFiles(tx, tableId, droppedSnapshotId, snapshotId);
    if (reopened !== files) throw new DroppedFilesGone(files - reopened, files);
  }
}
