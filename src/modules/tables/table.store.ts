import { Injectable } from '@nestjs/common';
import { IsNull, MoreThan, type QueryDeepPartialEntity } from 'typeorm';
import { FIRST_USER_FIELD_ID, type Column } from '../../kernel/index.js';
import type { Tx } from '../../database/index.js';
import type { CompatibilityMode } from './compatibility.js';
import { lastFieldId } from './field-ids.js';
import { TableDefEntity } from './table-def.entity.js';
import type { TableDefinition } from './table-definition.js';
import type { TableLayout } from './table-layout.js';
import { TableSchemaVersionEntity } from './table-schema-version.entity.js';

/** A live table as its definition stands. */
export interface Table extends TableLayout {
  readonly tableId: number;
  readonly tableName: string;
  readonly schemaVersion: number;
  readonly columns: readonly Column[];
  readonly idempotencyWindow: TableDefEntity['idempotencyWindow'];
  readonly evolutionMode: TableDefEntity['evolutionMode'];
  readonly retention: TableDefEntity['retention'];
  /** Field ids of the primary key's columns, in order; none where the table has no key. */
  readonly primaryKeyIds: readonly number[];
  readonly compatibilityMode: CompatibilityMode;
  readonly createdAt: Date;
  /** The schema snapshot that the table appeared with. */
  readonly createdSnapshotId: number | null;
}

/** The next version of a table. */
export interface TableVersion extends TableLayout {
  readonly tableName: string;
  readonly schemaVersion: number;
  readonly columns: readonly Column[];
  readonly lastColumnId: number;
  readonly compatibilityMode: CompatibilityMode;
  readonly evolutionMode: TableDefEntity['evolutionMode'];
  readonly retention: TableDefEntity['retention'];
}

@Injectable()
export class TableStore {
  /** With its first schema version, which is 0 where it has no columns yet. Fails with a unique violation where a live table has the name. */
  async insert(tx: Tx, tenantId: string, definition: TableDefinition, by: string): Promise<TableDefEntity> {
    const { tableName, idempotencyWindow, columns, compatibilityMode, evolutionMode } = definition;
    const { primaryKeyIds, layout, retention } = definition;
    const schemaVersion = columns.length === 0 ? 0 : 1;
    const row = tx.create(TableDefEntity, {
      tenantId,
      tableName,
      ...layout,
      idempotencyWindow,
      evolutionMode,
      retention,
      primaryKeyIds,
      schemaVersion,
      lastColumnId: Math.max(FIRST_USER_FIELD_ID - 1, lastFieldId(columns)),
    });
    await tx.insert(TableDefEntity, row);
    await this.insertVersion(tx, row, { schemaVersion, columns, compatibilityMode }, by);
    return row;
  }

  /** Makes `next` the table's current version. Fails with a unique violation where a live table has the new name. */
  async advance(tx: Tx, row: TableDefEntity, next: TableVersion, by: string): Promise<void> {
    const { tableName, schemaVersion, lastColumnId, evolutionMode, retention } = next;
    const { partitionSpecs, partitionSpecId, sortOrder } = next;
    const layout = { partitionSpecs, partitionSpecId, sortOrder };
    await tx.update(
      TableDefEntity,
      { tableId: row.tableId, schemaVersion: row.schemaVersion },
      { tableName, schemaVersion, lastColumnId, evolutionMode, retention, ...layout },
    );
    await this.insertVersion(tx, row, next, by);
  }

  /** In the transaction that made the version. */
  async setVersionSnapshot(
    tx: Tx,
    tableId: number,
    schemaVersion: number,
    snapshotId: number,
  ): Promise<void> {
    await tx.update(TableSchemaVersionEntity, { tableId, schemaVersion }, { createdSnapshotId: snapshotId });
  }

  async setCreatedSnapshot(tx: Tx, tableId: number, snapshotId: number): Promise<void> {
    await tx.update(TableDefEntity, { tableId }, { createdSnapshotId: snapshotId });
  }

  async setDroppedSnapshot(tx: Tx, tableId: number, snapshotId: number): Promise<void> {
    await tx.update(TableDefEntity, { tableId }, { droppedSnapshotId: snapshotId });
  }

  /** Makes a dropped table live. Fails with a unique violation where a live table has the name. */
  async revive(tx: Tx, tableId: number, tableName: string): Promise<void> {
    await tx.update(TableDefEntity, { tableId }, { tableName, droppedSnapshotId: null });
  }

  /** Holds the row against other changes of the table. */
  async lockLive(tx: Tx, tenantId: string, tableName: string): Promise<TableDefEntity | undefined> {
    const where = { tenantId, tableName, droppedSnapshotId: IsNull() };
    return (await tx.findOne(TableDefEntity, { where, lock: { mode: 'pessimistic_write' } })) ?? undefined;
  }

  async findLive(tx: Tx, tenantId: string, tableName: string): Promise<Table | undefined> {
    const row = await tx.findOneBy(TableDefEntity, { tenantId, tableName, droppedSnapshotId: IsNull() });
    return row === null ? undefined : (await this.withSchemas(tx, [row]))[0];
  }

  /** Live tables in the order of their names, those after `after`. */
  async listLive(tx: Tx, tenantId: string, limit: number, after: string | undefined): Promise<Table[]> {
    const rows = await tx.find(TableDefEntity, {
      where: {
        tenantId,
        droppedSnapshotId: IsNull(),
        ...(after !== undefined && { tableName: MoreThan(after) }),
      },
      order: { tableName: 'ASC' },
      take: limit,
    });
    return this.withSchemas(tx, rows);
  }

  async findVersion(
    tx: Tx,
    tableId: number,
    schemaVersion: number,
  ): Promise<TableSchemaVersionEntity | undefined> {
    return (await tx.findOneBy(TableSchemaVersionEntity, { tableId, schemaVersion })) ?? undefined;
  }

  /** Oldest first, those after `after`. */
  async listVersions(
    tx: Tx,
    tableId: number,
    limit: number,
    after: number,
  ): Promise<TableSchemaVersionEntity[]> {
    return tx.find(TableSchemaVersionEntity, {
      where: { tableId, schemaVersion: MoreThan(after) },
      order: { schemaVersion: 'ASC' },
      take: limit,
    });
  }

  private async withSchemas(tx: Tx, rows: readonly TableDefEntity[]): Promise<Table[]> {
    if (rows.length === 0) return [];
    // One version each: a table may have had thousands.
    const versions = await tx.find(TableSchemaVersionEntity, {
      where: rows.map(({ tableId, schemaVersion }) => ({ tableId, schemaVersion })),
    });
    const byTable = new Map(versions.map((version) => [version.tableId, version]));
    return rows.map((row) => {
      const version = byTable.get(row.tableId);
      if (version === undefined)
        throw new Error(`table ${row.tableId} lacks schema version ${row.schemaVersion}`);
      return toTable(row, version.schemaJson.columns, version.compatibilityMode);
    });
  }

  private async insertVersion(
    tx: Tx,
    { tableId, tenantId }: TableDefEntity,
    {
      schemaVersion,
      columns,
      compatibilityMode,
    }: Pick<TableVersion, 'schemaVersion' | 'columns' | 'compatibilityMode'>,
    by: string,
  ): Promise<void> {
    const version = tx.create(TableSchemaVersionEntity, {
      tableId,
      tenantId,
      schemaVersion,
      schemaJson: { columns },
      compatibilityMode,
      createdBy: by,
    });
    await tx.insert(TableSchemaVersionEntity, version as QueryDeepPartialEntity<TableSchemaVersionEntity>);
  }
}

/** The row with the schema that it points at. */
export const toTable = (
  row: TableDefEntity,
  columns: readonly Column[],
  compatibilityMode: CompatibilityMode,
): Table => ({ ...row, columns, compatibilityMode });
