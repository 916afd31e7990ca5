import { Inject, Injectable } from '@nestjs/common';
import { AppError, NOT_FOUND, type Column } from '../../kernel/index.js';
import { Transactions, type Tx } from '../../database/index.js';
import type { CompatibilityMode } from './compatibility.js';
import { TABLE_NAME } from './table-definition.js';
import type { TableSchemaVersionEntity } from './table-schema-version.entity.js';
import { TableStore, type Table } from './table.store.js';
import { tableNotFound } from './tables.errors.js';

/** One version of a table's schema. It never changes and is kept for as long as the table's row. */
export interface SchemaVersion {
  readonly schemaVersion: number;
  readonly columns: readonly Column[];
  readonly compatibilityMode: CompatibilityMode;
  readonly createdAt: Date;
  readonly createdSnapshotId: number | null;
  readonly createdBy: string | null;
}

/** The schema registry of live tables. */
@Injectable()
export class SchemaVersions {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(TableStore) private readonly store: TableStore,
  ) {}

  /** Oldest first, those after `after`. Rejects with TABLE_NOT_FOUND. */
  async list(tenantId: string, tableName: string, limit: number, after = 0): Promise<SchemaVersion[]> {
    return this.transactions.pooled(async (pool) => {
      const { tableId } = await this.tableOf(pool, tenantId, tableName);
      return (await this.store.listVersions(pool, tableId, limit, after)).map(toSchemaVersion);
    });
  }

  /** Rejects with TABLE_NOT_FOUND, or NOT_FOUND for a version that the table never had. */
  async get(tenantId: string, tableName: string, schemaVersion: number): Promise<SchemaVersion> {
    return this.transactions.pooled(async (pool) => {
      const table = await this.tableOf(pool, tenantId, tableName);
      const found =
        schemaVersion <= table.schemaVersion
          ? await this.store.findVersion(pool, table.tableId, schemaVersion)
          : undefined;
      if (found === undefined) throw neverWas(table, schemaVersion);
      return toSchemaVersion(found);
    });
  }

  private async tableOf(pool: Tx, tenantId: string, tableName: string): Promise<Table> {
    const table = TABLE_NAME.test(tableName)
      ? await this.store.findLive(pool, tenantId, tableName)
      : undefined;
    if (table === undefined) throw tableNotFound(tableName);
    return table;
  }
}

const toSchemaVersion = ({ schemaJson, ...version }: TableSchemaVersionEntity): SchemaVersion => ({
  ...version,
  columns: schemaJson.columns,
});

function neverWas(table: Table, schemaVersion: number): AppError {
  const { tableName, schemaVersion: latest } = table;
  const detail = `Table "${tableName}" never had schema version ${schemaVersion}; it has 1 to ${latest}.`;
  return new AppError(NOT_FOUND, detail, {
    context: { table: tableName, schema_version: schemaVersion, latest_schema_version: latest },
  });
}
