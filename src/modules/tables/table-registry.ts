import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { AppError, type Column } from '../../kernel/index.js';
import { Notifications, Transactions } from '../../database/index.js';
import type { WindowClass } from '../bus/index.js';
import { FORBIDDEN } from '../tenancy/index.js';
import { RecordValidator } from './record-validator.js';
import { findIngestTable } from './sql/find-ingest-table.js';
import { TABLE_NAME } from './table-definition.js';
import { tableNotFound } from './tables.errors.js';

/** A table as ingest needs it, at one catalog epoch of its tenant. */
export interface IngestTable {
  readonly tableId: number;
  readonly windowClass: WindowClass;
  readonly schemaVersion: number;
  readonly catalogEpoch: number;
  readonly validator: RecordValidator;
  readonly columns: readonly Column[];
  /** Field ids of the primary key's columns; none where the table has no key. */
  readonly primaryKeyIds: readonly number[];
  /** Unknown fields and other types change the schema. */
  readonly evolves: boolean;
  /** True also for a table without columns, which takes them from its first events in either mode. */
  readonly learns: boolean;
}

interface TenantTables {
  readonly catalogEpoch: number;
  readonly tables: Map<string, IngestTable>;
}

const MAX_CACHED_TENANTS = 1_000;
const MAX_LOADS = 3;

/**
 * Tables with their compiled validators, kept by tenant and catalog epoch. A table that is kept costs no round trip.
 * What is kept may be old when a notification was lost: the bus finds out, and then `refresh` reads again.
 */
@Injectable()
export class TableRegistry implements OnModuleInit, OnModuleDestroy {
  private readonly tenants = new LRUCache<string, TenantTables>({ max: MAX_CACHED_TENANTS });
  /** The newest epoch that each tenant was announced at, so that a slower read does not bring back an older one. */
  private readonly announced = new LRUCache<string, number>({ max: MAX_CACHED_TENANTS });
  private readonly loads = new Map<string, Promise<IngestTable>>();
  private unsubscribe: (() => void) | undefined;

  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(Notifications) private readonly notifications: Notifications,
  ) {}

  onModuleInit(): void {
    this.unsubscribe = this.notifications.subscribe('tidemark_catalog', (payload) => {
      const [tenantId = '', epoch] = payload.split(':');
      this.announce(tenantId, Number(epoch));
    });
  }

  onModuleDestroy(): void {
    this.unsubscribe?.();
  }

  /** The table where it is kept. Costs no promise on the hot path. */
  cached(tenantId: string, tableName: string): IngestTable | undefined {
    return this.tenants.get(tenantId)?.tables.get(tableName);
  }

  /** Kept or read. Rejects with TABLE_NOT_FOUND, or FORBIDDEN where the tenant is disabled. */
  async forIngest(tenantId: string, tableName: string): Promise<IngestTable> {
    return this.cached(tenantId, tableName) ?? this.refresh(tenantId, tableName);
  }

  /** Read now, as of this call or later. Rejects as `forIngest`. */
  async refresh(tenantId: string, tableName: string): Promise<IngestTable> {
    if (!TABLE_NAME.test(tableName)) throw tableNotFound(tableName);
    const key = `${tenantId}/${tableName}`;
    const earlier = this.loads.get(key);
    // A read that began before this call may have seen an older catalog; the one after it has not begun yet.
    if (earlier !== undefined) await earlier.catch(() => undefined);
    let load = this.loads.get(key);
    if (load === undefined) {
      load = this.load(tenantId, tableName).finally(() => this.loads.delete(key));
      this.loads.set(key, load);
    }
    return load;
  }

  /** The tenant's catalog is at `epoch` now: older tables are dropped from memory. */
  announce(tenantId: string, epoch: number): void {
    if (!Number.isSafeInteger(epoch)) return;
    this.announced.set(tenantId, Math.max(epoch, this.announced.get(tenantId) ?? 0));
    if ((this.tenants.get(tenantId)?.catalogEpoch ?? epoch) < epoch) this.tenants.delete(tenantId);
  }

  /** After a commit that changed the tenant's tables: tells this process at once, the others by notification. */
  announceToAll(tenantId: string, epoch: number): void {
    this.announce(tenantId, epoch);
    this.notifications.notify('tidemark_catalog', `${tenantId}:${epoch}`);
  }

  private async load(tenantId: string, tableName: string): Promise<IngestTable> {
    for (let attempt = 1; ; attempt++) {
      const row = await this.transactions.pooled((pool) => findIngestTable(pool, tenantId, tableName));
      if (row === undefined || row.tenant_status !== 'active') {
        throw new AppError(FORBIDDEN, 'The tenant is disabled.');
      }
      if (row.catalog_epoch < (this.announced.get(tenantId) ?? 0) && attempt < MAX_LOADS) continue;
      if (row.table_id === null) throw tableNotFound(tableName);
      const evolves = row.evolution_mode === 'evolve';
      const table: IngestTable = {
        tableId: row.table_id,
        windowClass: row.idempotency_window,
        schemaVersion: row.schema_version,
        catalogEpoch: row.catalog_epoch,
        validator: new RecordValidator(row.columns, row.primary_key_ids, { dropsUnknownNulls: evolves }),
        columns: row.columns,
        primaryKeyIds: row.primary_key_ids ?? [],
        evolves,
        learns: evolves || row.columns.length === 0,
      };
      this.keep(tenantId, tableName, table);
      return table;
    }
  }

  private keep(tenantId: string, tableName: string, table: IngestTable): void {
    const kept = this.tenants.get(tenantId);
    if (kept !== undefined && kept.catalogEpoch > table.catalogEpoch) return;
    if (kept?.catalogEpoch === table.catalogEpoch) kept.tables.set(tableName, table);
    else
      this.tenants.set(tenantId, { catalogEpoch: table.catalogEpoch, tables: new Map([[tableName, table]]) });
  }
}
