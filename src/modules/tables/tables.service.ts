import { Inject, Injectable } from '@nestjs/common';
import { Transactions } from '../../database/index.js';
import { SchemaPublisher } from '../snapshots/index.js';
import { defineTable, TABLE_NAME, type TableRequest } from './table-definition.js';
import { TableRegistry } from './table-registry.js';
import { TableStore, toTable, type Table } from './table.store.js';
import { isNameTaken, tableAlreadyExists, tableNotFound } from './tables.errors.js';

/** A tenant's tables as their owners manage them. Every change publishes a schema snapshot. */
@Injectable()
export class TablesService {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(TableStore) private readonly store: TableStore,
    @Inject(SchemaPublisher) private readonly publisher: SchemaPublisher,
    @Inject(TableRegistry) private readonly registry: TableRegistry,
  ) {}

  /** Rejects with REQUEST_INVALID or TABLE_ALREADY_EXISTS. `by` is the key that asks. */
  async create(tenantId: string, request: TableRequest, by: string): Promise<Table> {
    const definition = defineTable(request);
    const { tableName, columns, compatibilityMode } = definition;
    const { table, catalogEpoch } = await this.transactions
      .write(async (tx) => {
        await this.publisher.lockCatalog(tx, tenantId);
        const row = await this.store.insert(tx, tenantId, definition, by);
        const { tableId, schemaVersion } = row;
        const change = { kind: 'create_table', tableId, tableName, schemaVersion } as const;
        const published = await this.publisher.publishSchemaChange(tx, tenantId, change, by);
        await this.store.setCreatedSnapshot(tx, tableId, published.snapshotId);
        await this.store.setVersionSnapshot(tx, tableId, schemaVersion, published.snapshotId);
        const created = toTable(row, columns, compatibilityMode);
        return {
          table: { ...created, createdSnapshotId: published.snapshotId },
          catalogEpoch: published.catalogEpoch,
        };
      })
      .catch((error: unknown) => {
        throw isNameTaken(error) ? tableAlreadyExists(tableName, error) : error;
      });
    this.registry.announceToAll(tenantId, catalogEpoch);
    return table;
  }

  /** Rejects with TABLE_NOT_FOUND, for another tenant's table too. */
  async get(tenantId: string, tableName: string): Promise<Table> {
    const table = TABLE_NAME.test(tableName)
      ? await this.transactions.pooled((pool) => this.store.findLive(pool, tenantId, tableName))
      : undefined;
    if (table === undefined) throw tableNotFound(tableName);
    return table;
  }

  /** In the order of their names, those after `after`. */
  async list(tenantId: string, limit: number, after?: string): Promise<Table[]> {
    return this.transactions.pooled((pool) => this.store.listLive(pool, tenantId, limit, after));
  }

  /**
   * The table is gone from the next snapshot on; events that were not published yet are discarded. Rejects with
   * TABLE_NOT_FOUND. Answers the snapshot without the table.
   */
  async drop(tenantId: string, tableName: string, by: string): Promise<{ snapshotId: number }> {
    if (!TABLE_NAME.test(tableName)) throw tableNotFound(tableName);
    const { snapshotId, catalogEpoch } = await this.transactions.write(async (tx) => {
      await this.publisher.lockCatalog(tx, tenantId);
      const row = await this.store.lockLive(tx, tenantId, tableName);
      if (row === undefined) throw tableNotFound(tableName);
      const { tableId, schemaVersion } = row;
      const change = { kind: 'drop_table', tableId, tableName, schemaVersion } as const;
      const published = await this.publisher.publishSchemaChange(tx, tenantId, change, by);
      await this.store.setDroppedSnapshot(tx, tableId, published.snapshotId);
      return published;
    });
    this.registry.announceToAll(tenantId, catalogEpoch);
    return { snapshotId };
  }
}
