import { Injectable } from '@nestjs/common';
import { In, IsNull, MoreThan, type QueryDeepPartialEntity } from 'typeorm';
import type { Column } from '../../kernel/index.js';
import type { Tx } from '../../database/index.js';
import { TableDefEntity } from './table-def.entity.js';
import type { TableDefinition } from './table-definition.js';
import { TableSchemaVersionEntity } from './table-schema-version.entity.js';

/** A live table as its definition stands. */
export interface Table {
  readonly tableId: number;
  readonly tableName: string;
  readonly schemaVersion: number;
  readonly columns: readonly Column[];
  readonly idempotencyWindow: TableDefEntity['idempotencyWindow'];
  readonly evolutionMode: TableDefEntity['evolutionMode'];
  readonly createdAt: Date;
  /** The schema snapshot that the table appeared with. */
  readonly createdSnapshotId: number | null;
}

@Injectable()
export class TableStore {
  /** The table's first schema version. Fails with a unique violation where a live table has the name. */
  async insert(tx: Tx, tenantId: string, definition: TableDefinition): Promise<TableDefEntity> {
    const { tableName, idempotencyWindow, columns } = definition;
    const row = tx.create(TableDefEntity, {
      tenantId,
      tableName,
      idempotencyWindow,
      evolutionMode: 'strict',
      schemaVersion: 1,
      lastColumnId: Math.max(...columns.map((column) => column.id)),
    });
    await tx.insert(TableDefEntity, row);
    const { tableId, schemaVersion } = row;
    const version = tx.create(TableSchemaVersionEntity, {
      tableId,
      tenantId,
      schemaVersion,
      schemaJson: { columns },
    });
    await tx.insert(TableSchemaVersionEntity, version as QueryDeepPartialEntity<TableSchemaVersionEntity>);
    return row;
  }

  async setCreatedSnapshot(tx: Tx, tableId: number, snapshotId: number): Promise<void> {
    await tx.update(TableDefEntity, { tableId }, { createdSnapshotId: snapshotId });
  }

  async setDroppedSnapshot(tx: Tx, tableId: number, snapshotId: number): Promise<void> {
    await tx.update(TableDefEntity, { tableId }, { droppedSnapshotId: snapshotId });
  }

  /** Holds the row against other changes of the table. */
  async lockLive(tx: Tx, tenantId: string, tableName: string): Promise<TableDefEntity | undefined> {
    const where = { tenantId, tableName, droppedSnapshotId: IsNull() };
    return (await tx.findOne(TableDefEntity, { where, lock: { mode: 'pessimistic_write' } })) ?? undefined;
  }

  async findLive(tx: Tx, tenantId: string, tableName: string): Promise<Table | undefined> {
    const row = await tx.findOneBy(TableDefEntity, { tenantId, tableName, droppedSnapshotId: IsNull() });
    return row === null ? undefined : (await this.withColumns(tx, [row]))[0];
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
    return this.withColumns(tx, rows);
  }

  private async withColumns(tx: Tx, rows: readonly TableDefEntity[]): Promise<Table[]> {
    const versions = await tx.findBy(TableSchemaVersionEntity, {
      tableId: In(rows.map((row) => row.tableId)),
    });
    return rows.map((row) => {
      const version = versions.find(
        (v) => v.tableId === row.tableId && v.schemaVersion === row.schemaVersion,
      );
      if (version === undefined)
        throw new Error(`table ${row.tableId} lacks schema version ${row.schemaVersion}`);
      return { ...row, columns: version.schemaJson.columns };
    });
  }
}
