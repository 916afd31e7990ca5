import { Injectable } from '@nestjs/common';
import { query, sql, type Tx } from '../../database/index.js';
import { newPublicationId } from './publisher.js';
import { insertWatermarks, removeTableFiles } from './sql/append-files.js';
import { advanceHead, lockHead } from './sql/head.js';

export interface SchemaChange {
  readonly kind: 'create_table' | 'drop_table';
  readonly tableId: number;
  readonly tableName: string;
  readonly schemaVersion: number;
}

/** Publishes schema snapshots. They do not move the published token. */
@Injectable()
export class SchemaPublisher {
  /**
   * Inside the transaction that makes the change: locks the head, publishes, raises the catalog epoch.
   * Announce `tidemark_catalog` after the commit.
   */
  async publishSchemaChange(
    tx: Tx,
    tenantId: string,
    change: SchemaChange,
    by: string,
  ): Promise<{ snapshotId: number; catalogEpoch: number }> {
    const head = await lockHead(tx, tenantId);
    const { snapshotId } = await advanceHead(tx, head, {
      tenantId,
      operation: 'schema',
      publicationId: newPublicationId(),
      publishedToken: head.publishedToken,
      createdBy: by,
      summary: { change: change.kind, table_id: change.tableId, table_name: change.tableName },
    });
    if (change.kind === 'drop_table') await removeTableFiles(tx, change.tableId, snapshotId);
    else {
      await insertWatermarks(tx, snapshotId, [{ ...change, maxVisibilityToken: head.publishedToken }]);
    }
    const [clock] = await query<{ catalog_epoch: number }>(
      tx,
      sql`UPDATE tenant_clock SET catalog_epoch = catalog_epoch + 1 WHERE tenant_id = ${tenantId}
          RETURNING catalog_epoch`,
    );
    if (clock === undefined) throw new Error(`tenant ${tenantId} has no clock`);
    return { snapshotId, catalogEpoch: clock.catalog_epoch };
  }
}
