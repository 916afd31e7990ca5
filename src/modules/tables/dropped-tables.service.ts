import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import { Transactions } from '../../database/index.js';
import { DroppedFilesGone, SchemaPublisher } from '../snapshots/index.js';
import { findDroppedTable } from './sql/find-dropped-table.js';
import { TABLE_NAME } from './table-definition.js';
import { TableRegistry } from './table-registry.js';
import { TableStore, type Table } from './table.store.js';
import { isNameTaken, TABLE_NOT_FOUND, tableAlreadyExists, tableNotFound } from './tables.errors.js';

/** Tables that go and may come back. */
@Injectable()
export class DroppedTables {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(TableStore) private readonly store: TableStore,
    @Inject(SchemaPublisher) private readonly publisher: SchemaPublisher,
    @Inject(TableRegistry) private readonly registry: TableRegistry,
    @Inject(settingsOf('tables')) private readonly settings: Settings['tables'],
  ) {}

  /**
   * Brings the table of this name that was dropped last back, under the name `as`, with the rows and the schema that it
   * had. What was discarded meanwhile stays so. Rejects with TABLE_NOT_FOUND, also where it was dropped too long ago,
   * or with TABLE_ALREADY_EXISTS.
   */
  async undrop(tenantId: string, tableName: string, by: string, as = tableName): Promise<Table> {
    if (!TABLE_NAME.test(tableName)) throw tableNotFound(tableName);
    const { table, catalogEpoch } = await this.transactions
      .write(async (tx) => {
        await this.publisher.lockCatalog(tx, tenantId);
        const dropped = await findDroppedTable(tx, tenantId, tableName);
        if (dropped === undefined) throw neverDropped(tableName);
        const { table_id: tableId, dropped_snapshot_id: droppedSnapshotId, dropped_at: at } = dropped;
        if (dropped.age_ms > this.settings.undropWindowMs) throw this.tooLate(tableName, at);
        await this.store.revive(tx, tableId, as);
        const change = {
          kind: 'undrop_table',
          tableId,
          tableName: as,
          schemaVersion: dropped.schema_version,
          droppedSnapshotId,
          formerName: as === tableName ? undefined : tableName,
        } as const;
        const published = await this.publisher.publishSchemaChange(tx, tenantId, change, by);
        const revived = await this.store.findLive(tx, tenantId, as);
        if (revived === undefined) throw new Error(`table ${tableId} was not revived`);
        return { table: revived, catalogEpoch: published.catalogEpoch };
      })
      .catch((error: unknown) => {
        if (isNameTaken(error)) throw tableAlreadyExists(as, error, AS_HINT);
        if (error instanceof DroppedFilesGone) throw filesGone(tableName, error);
        throw error;
      });
    this.registry.announceToAll(tenantId, catalogEpoch);
    return table;
  }

  private tooLate(tableName: string, droppedAt: Date): AppError {
    const { undropWindowMs } = this.settings;
    const at = droppedAt.toISOString();
    const detail = `Table "${tableName}" was dropped at ${at}; it could be undropped for ${undropWindowMs} ms.`;
    return new AppError(TABLE_NOT_FOUND, detail, {
      context: { table: tableName, dropped_at: at, undrop_window_ms: undropWindowMs },
    });
  }
}

const AS_HINT = 'Undrop it under another name with "as".';

const neverDropped = (tableName: string): AppError =>
  new AppError(TABLE_NOT_FOUND, `No table "${tableName}" was dropped.`, { context: { table: tableName } });

const filesGone = (tableName: string, cause: DroppedFilesGone): AppError =>
  new AppError(TABLE_NOT_FOUND, `Table "${tableName}" is gone: ${cause.message}.`, {
    context: { table: tableName },
    cause,
  });
