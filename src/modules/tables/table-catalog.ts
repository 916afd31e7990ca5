import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Column } from '../../kernel/index.js';
import { Transactions } from '../../database/index.js';
import { keyColumnsOf } from './primary-key.js';
import { tablesAtSnapshot } from './sql/tables-at-snapshot.js';
import { TableSchemas } from './table-schemas.js';

/** A table as a snapshot has it. */
export interface SnapshotTable {
  readonly tableId: number;
  readonly tableName: string;
  readonly schemaVersion: number;
  readonly columns: readonly Column[];
  /** The primary key's columns, under the names of that snapshot; none where the table has no key. */
  readonly key: readonly Column[];
}

const MAX_CACHED_SNAPSHOTS = 200;

/** Which tables a snapshot has, for those who read it. */
@Injectable()
export class TableCatalog {
  /** A snapshot never changes, so neither does what is kept here. */
  private readonly snapshots = new LRUCache<string, readonly SnapshotTable[]>({ max: MAX_CACHED_SNAPSHOTS });

  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(TableSchemas) private readonly schemas: TableSchemas,
  ) {}

  /** Columns of versions of a table, by version. */
  schemasOf(tableId: number, versions: readonly number[]): Promise<ReadonlyMap<number, readonly Column[]>> {
    return this.schemas.ofVersions(tableId, versions);
  }

  /** In the order of their names, with the names and schemas of that snapshot. The caller checks that it exists. */
  async tablesAt(tenantId: string, snapshotId: number): Promise<readonly SnapshotTable[]> {
    const key = `${tenantId}:${snapshotId}`;
    const cached = this.snapshots.get(key);
    if (cached !== undefined) return cached;
    const rows = await this.transactions.pooled((pool) => tablesAtSnapshot(pool, tenantId, snapshotId));
    const tables: SnapshotTable[] = [];
    for (const row of rows) {
      const columns = await this.schemas.at(row.table_id, row.schema_version);
      tables.push({
        tableId: row.table_id,
        tableName: row.table_name,
        schemaVersion: row.schema_version,
        columns,
        key: keyColumnsOf(columns, row.primary_key_ids),
      });
    }
    this.snapshots.set(key, tables);
    return tables;
  }
}
