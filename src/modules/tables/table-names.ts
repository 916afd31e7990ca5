import { Inject, Injectable } from '@nestjs/common';
import { Transactions } from '../../database/index.js';
import type { WindowClass } from '../bus/index.js';
import { findTableNames, findTablesNamed } from './sql/tables-named.js';
import { TABLE_NAME } from './table-definition.js';
import { tableNotFound } from './tables.errors.js';

/** A table that is there or was. */
export interface NamedTable {
  readonly tableId: number;
  readonly windowClass: WindowClass;
}

/** A name that is taken again and again: older tables of it are not looked at. */
const MAX_OF_A_NAME = 10;

/** Which tables a name stands for, and stood for before they were dropped. */
@Injectable()
export class TableNames {
  constructor(@Inject(Transactions) private readonly transactions: Transactions) {}

  /** The live table first, then dropped ones, youngest first. Rejects with TABLE_NOT_FOUND where there never was one. */
  async withName(tenantId: string, tableName: string): Promise<NamedTable[]> {
    if (!TABLE_NAME.test(tableName)) throw tableNotFound(tableName);
    const rows = await this.transactions.pooled((pool) =>
      findTablesNamed(pool, tenantId, tableName, MAX_OF_A_NAME),
    );
    if (rows.length === 0) throw tableNotFound(tableName);
    return rows.map((row) => ({ tableId: row.table_id, windowClass: row.idempotency_window }));
  }

  /** By id. Ids that are none of the tenant's are absent. */
  async of(tenantId: string, tableIds: readonly number[]): Promise<Map<number, string>> {
    if (tableIds.length === 0) return new Map();
    const rows = await this.transactions.pooled((pool) => findTableNames(pool, tenantId, tableIds));
    return new Map(rows.map((row) => [row.table_id, row.table_name]));
  }
}
