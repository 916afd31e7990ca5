import { Inject, Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import { AppError, type TypedField } from '../../../kernel/index.js';
import { Transactions, type Tx } from '../../../database/index.js';
import { SchemaPublisher } from '../../snapshots/index.js';
import type { TableDefEntity } from '../table-def.entity.js';
import { TableRegistry } from '../table-registry.js';
import { TableStore, toTable, type Table, type TableVersion } from '../table.store.js';
import { schemaIncompatible, tableNotFound } from '../tables.errors.js';
import { grownColumns, type Growing } from './grown-columns.js';
import { growthFaults, growthObjections } from './growth-faults.js';
import { GrowthRefusal } from './growth.errors.js';
import { joinedFields } from './joined-type.js';

/** What a request needs of its table. */
export interface GrowthRequest {
  readonly tenantId: string;
  readonly tableId: number;
  readonly tableName: string;
  /** What the table had when the request was read. */
  readonly known: readonly TypedField[];
  readonly needed: readonly TypedField[];
  /** The key that writes. */
  readonly by: string;
}

interface Waiting {
  readonly request: GrowthRequest;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const NO_COLUMNS: Growing = { columns: [], lastColumnId: 4 };

/**
 * Changes schemas for what events bring. While one change of a table is under way in this process the next requests
 * gather, and then make one version together.
 */
@Injectable()
export class TableGrowth {
  private readonly waiting = new Map<string, Waiting[]>();

  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(TableStore) private readonly store: TableStore,
    @Inject(SchemaPublisher) private readonly publisher: SchemaPublisher,
    @Inject(TableRegistry) private readonly registry: TableRegistry,
  ) {}

  /**
   * When it resolves the table has room for what is needed, or does not learn any more. Rejects with TABLE_NOT_FOUND,
   * SCHEMA_VIOLATION for what no column can be, SCHEMA_INCOMPATIBLE where the compatibility mode forbids the change;
   * then nothing was changed.
   */
  async grow(request: GrowthRequest): Promise<void> {
    // Whatever the table has by now, it would have these: no lock is taken for what cannot be.
    const alone = growthFaults([], grownColumns(NO_COLUMNS, request.needed).columns);
    if (alone.some(({ rule }) => rule === 'column_limit')) {
      const known = grownColumns(NO_COLUMNS, request.known);
      const { columns } = grownColumns(known, request.needed);
      throw new GrowthRefusal(request.tableName, growthFaults(known.columns, columns));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const key = `${request.tenantId}/${request.tableId}`;
    const queue = this.waiting.get(key);
    if (queue === undefined) {
      this.waiting.set(key, [{ request, resolve, reject }]);
      void this.drain(key);
    } else queue.push({ request, resolve, reject });
    return promise;
  }

  private async drain(key: string): Promise<void> {
    for (;;) {
      const group = this.waiting.get(key) ?? [];
      if (group.length === 0) break;
      this.waiting.set(key, []);
      await this.growTogether(group);
    }
    this.waiting.delete(key);
  }

  /** Settles every request of the group. One that cannot be had does not refuse the others. */
  private async growTogether(group: readonly Waiting[]): Promise<void> {
    const [first] = group;
    if (first === undefined) return;
    const needed = group.reduce<TypedField[]>((all, { request }) => joinedFields(all, request.needed), []);
    try {
      await this.change({ ...first.request, needed });
      for (const { resolve } of group) resolve();
    } catch (error) {
      if (group.length === 1 || !(error instanceof AppError)) {
        for (const { reject } of group) reject(error);
        return;
      }
      for (const waiting of group) await this.growTogether([waiting]);
    }
  }

  private async change(request: GrowthRequest): Promise<void> {
    const { tenantId, tableId, tableName, by } = request;
    const catalogEpoch = await this.transactions.write(async (tx) => {
      await this.publisher.lockCatalog(tx, tenantId);
      const row = await this.store.lockLive(tx, tenantId, tableName);
      if (row === undefined) throw tableNotFound(tableName);
      // Dropped and made again meanwhile: the caller looks again.
      if (row.tableId !== tableId) return undefined;
      const version = await this.store.findVersion(tx, tableId, row.schemaVersion);
      if (version === undefined) throw new Error(`table ${tableId} lacks its schema version`);
      const current = toTable(row, version.schemaJson.columns, version.compatibilityMode);
      const next = grownVersion(current, row.lastColumnId, request.needed);
      return next === undefined ? undefined : this.publish(tx, row, next, by);
    });
    if (catalogEpoch !== undefined) this.registry.announceToAll(tenantId, catalogEpoch);
  }

  private async publish(tx: Tx, row: TableDefEntity, next: TableVersion, by: string): Promise<number> {
    const { tableId, tenantId, tableName } = row;
    const { schemaVersion } = next;
    await this.store.advance(tx, row, next, by);
    const change = { kind: 'alter_table', tableId, tableName, schemaVersion } as const;
    const published = await this.publisher.publishSchemaChange(tx, tenantId, change, by);
    await this.store.setVersionSnapshot(tx, tableId, schemaVersion, published.snapshotId);
    return published.catalogEpoch;
  }
}

/** Undefined where the table has room already, or does not learn. */
export function grownVersion(
  table: Table,
  lastColumnId: number,
  needed: readonly TypedField[],
): TableVersion | undefined {
  const { tableName, columns, compatibilityMode, evolutionMode, schemaVersion } = table;
  if (evolutionMode === 'strict' && columns.length > 0) return undefined;
  const grown = grownColumns({ columns, lastColumnId }, needed);
  if (isDeepStrictEqual(columns, grown.columns)) return undefined;
  const { faults, incompatible, lost } = growthObjections(table, grown.columns);
  if (faults.length > 0) throw new GrowthRefusal(tableName, faults);
  const [first, ...others] = incompatible;
  if (first !== undefined) {
    const facts = { compatibility_mode: compatibilityMode, schema_version: schemaVersion };
    throw schemaIncompatible(tableName, first, others, facts);
  }
  const [source, ...sources] = lost;
  if (source !== undefined) throw schemaIncompatible(tableName, source, sources);
  return { ...table, ...grown, schemaVersion: schemaVersion + 1 };
}
