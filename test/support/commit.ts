import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { createDataSource, Notifications, Transactions } from '../../src/database/index.js';
import { createLogger, systemClock } from '../../src/kernel/index.js';
import {
  DeadLetterStore,
  type Claim,
  type EventOp,
  type IngestBus,
  type IngestRequest,
} from '../../src/modules/bus/index.js';
import { PostgresIngestBus } from '../../src/modules/bus/ingest-bus.postgres.js';
import { ClaimCommitter } from '../../src/modules/commit/claim-committer.js';
import { ClaimUploads } from '../../src/modules/commit/claim-uploads.js';
import { CommitMetrics } from '../../src/modules/commit/commit-metrics.js';
import { Coordinator } from '../../src/modules/commit/coordinator.js';
import { FailureIncidents } from '../../src/modules/commit/failure-incidents.js';
import { TableWriter } from '../../src/modules/commit/table-writer.js';
import type { WriteEngine } from '../../src/modules/engine/write-engine.js';
import { SNAPSHOTS_ENTITIES } from '../../src/modules/snapshots/index.js';
import { DataFileStore } from '../../src/modules/snapshots/data-file.store.js';
import { Publisher } from '../../src/modules/snapshots/publisher.js';
import { SchemaPublisher } from '../../src/modules/snapshots/schema-publisher.js';
import { UploadAnnouncements } from '../../src/modules/snapshots/upload-announcements.js';
import { FilesystemObjectStore } from '../../src/modules/storage/object-store.filesystem.js';
import { FileCache, ObjectKeys, type ObjectStore } from '../../src/modules/storage/index.js';
import {
  TABLES_ENTITIES,
  TableLayouts,
  TableRegistry,
  TableSchemas,
  TablesService,
} from '../../src/modules/tables/index.js';
import { TableStore } from '../../src/modules/tables/table.store.js';
import { insertTenant } from './bus-postgres.js';
import { hashOf } from './bus-requests.js';
import { newWriteEngine, testFolder } from './engine.js';
import { createTestDatabase } from './postgres.js';

const MIB = 1024 * 1024;

/** What a coordinator is given instead of the real parts. */
export interface CoordinatorParts {
  readonly bus?: IngestBus;
  readonly store?: ObjectStore;
  /** The rest is the real one's. */
  readonly engine?: Partial<WriteEngine>;
  readonly leaseMs?: number;
  readonly targetRows?: number;
  readonly writeConcurrency?: number;
}

/** Bus, catalog, engine children and a folder of objects, for coordinators that a test runs turn by turn. */
export interface CommitStage {
  readonly dataSource: DataSource;
  readonly bus: IngestBus;
  readonly store: ObjectStore;
  /** Subscribed to nothing until its `onModuleInit`. */
  readonly announcements: UploadAnnouncements;
  /** The folder of the objects. */
  readonly objects: string;
  readonly engine: WriteEngine;
  readonly tables: TablesService;
  readonly scratch: string;
  /** Not started: `runOnce` is one look at all tenants. */
  coordinator(parts?: CoordinatorParts): Coordinator;
  createTenant(tenantId: string): Promise<void>;
  /** With one column `id`, of strings where no other type is named. Answers its id. */
  createTable(tenantId: string, tableName: string, type?: string): Promise<number>;
  /** One request with a record for each id. Answers its highest token. */
  append(tenantId: string, tableId: number, ...ids: string[]): Promise<number>;
  /** As `append`, of payloads that nothing has checked. */
  appendRaw(tenantId: string, tableId: number, ...payloads: string[]): Promise<number>;
  /** As `appendRaw`, with one key for the request. */
  appendCovered(
    tenantId: string,
    tableId: number,
    requestKey: string,
    ...payloads: string[]
  ): Promise<number>;
  /** As `appendRaw`, with an op each. */
  appendOps(
    tenantId: string,
    tableId: number,
    ...events: { readonly op: EventOp; readonly payload: string }[]
  ): Promise<number>;
  watermark(tenantId: string): Promise<number>;
  /** The ids in the table's live files, sorted, from the objects themselves. */
  ids(tableId: number): Promise<string[]>;
  /** The tenant's claim that is not settled. */
  openClaim(
    tenantId: string,
  ): Promise<{ state: string; attempt: number; last_error: string | null } | undefined>;
  /** Makes the waiting claims due now. */
  endPauses(): Promise<void>;
  close(): Promise<void>;
}

export async function openCommitStage(): Promise<CommitStage> {
  const database = await createTestDatabase();
  const folder = await testFolder();
  const entities = [...TABLES_ENTITIES, ...SNAPSHOTS_ENTITIES];
  const dataSource = await createDataSource(database.url, { poolMax: 6, entities }).initialize();
  const logger = createLogger('silent');
  const transactions = new Transactions(dataSource);
  const notifications = new Notifications(dataSource, database.url, logger);
  const announcements = new UploadAnnouncements(notifications);
  const bus = new PostgresIngestBus(dataSource, transactions);
  const objects = join(folder.path, 'objects');
  const store = new FilesystemObjectStore(objects);
  await store.open();
  const scratch = join(folder.path, 'scratch');
  const engine = newWriteEngine(folder, { threads: 1, scratchDir: join(scratch, 'engine') });
  const registry = new TableRegistry(transactions, notifications);
  const tables = new TablesService(transactions, new TableStore(), new SchemaPublisher(), registry);
  const duckdb = await DuckDBInstance.create(':memory:');
  let sent = 0;

  const epochOf = async (tenantId: string) => {
    const [row] = await dataSource.query<{ epoch: number }[]>(
      `SELECT catalog_epoch AS epoch FROM tenant_clock WHERE tenant_id = $1`,
      [tenantId],
    );
    return row?.epoch ?? 0;
  };

  const append = async (
    tenantId: string,
    tableId: number,
    requestKey: string | undefined,
    events: readonly { readonly op?: EventOp; readonly payload: string }[],
  ): Promise<number> => {
    const request = async (): Promise<IngestRequest> => ({
      tenantId,
      tableId,
      windowClass: '24h',
      schemaVersion: 1,
      catalogEpoch: await epochOf(tenantId),
      requestKey,
      records: events.map(({ op = 'insert', payload }) => ({
        key: requestKey === undefined ? `k-${(sent += 1)}` : undefined,
        op,
        contentHash: hashOf(sent),
        eventTime: undefined,
        payload,
      })),
      revalidate: request,
    });
    return (await bus.append(await request())).maxVisibilityToken;
  };

  const stage: CommitStage = {
    dataSource,
    bus,
    announcements,
    store,
    objects,
    engine,
    tables,
    scratch,
    coordinator: (parts = {}) => {
      const settings = {
        maxDelayMs: 0,
        targetRows: parts.targetRows ?? 1000,
        targetBytes: MIB,
        leaseMs: parts.leaseMs ?? 30_000,
        scratchDir: join(scratch, 'commit'),
      };
      const schemas = new TableSchemas(transactions);
      const committer = new ClaimCommitter(
        parts.bus ?? bus,
        new TableWriter(Object.assign(Object.create(engine) as WriteEngine, parts.engine), schemas),
        new ClaimUploads(
          parts.store ?? store,
          new ObjectKeys('tidemark'),
          new FileCache(store, { directory: join(scratch, 'cache'), maxBytes: MIB }, logger),
          new DataFileStore(),
          transactions,
          announcements,
        ),
        new TableLayouts(transactions),
        schemas,
        new DeadLetterStore(),
        new Publisher(transactions, notifications, systemClock, logger),
        settings,
      );
      return new Coordinator(
        parts.bus ?? bus,
        committer,
        notifications,
        new FailureIncidents(transactions, logger),
        new CommitMetrics(new Registry()),
        systemClock,
        logger,
        settings,
        { writeConcurrency: parts.writeConcurrency ?? 1 } as never,
      );
    },
    createTenant: (tenantId) => insertTenant(dataSource, tenantId),
    createTable: async (tenantId, tableName, type = 'string') => {
      const columns = [{ name: 'id', type }];
      return (await tables.create(tenantId, { tableName, columns }, 'test')).tableId;
    },
    append: (tenantId, tableId, ...ids) =>
      stage.appendRaw(tenantId, tableId, ...ids.map((id) => JSON.stringify({ id }))),
    appendRaw: (tenantId, tableId, ...payloads) =>
      append(
        tenantId,
        tableId,
        undefined,
        payloads.map((payload) => ({ payload })),
      ),
    appendOps: (tenantId, tableId, ...events) => append(tenantId, tableId, undefined, events),
    appendCovered: (tenantId, tableId, requestKey, ...payloads) =>
      append(
        tenantId,
        tableId,
        requestKey,
        payloads.map((payload) => ({ payload })),
      ),
    watermark: async (tenantId) => {
      const [row] = await dataSource.query<{ token: number }[]>(
        `SELECT published_token AS token FROM tenant_head WHERE tenant_id = $1`,
        [tenantId],
      );
      return row?.token ?? -1;
    },
    ids: async (tableId) => {
      const files = await dataSource.query<{ path: string }[]>(
        `SELECT path FROM data_file JOIN file_span s USING (file_id)
         WHERE s.table_id = $1 AND s.removed_snapshot_id IS NULL`,
        [tableId],
      );
      if (files.length === 0) return [];
      const list = files.map(({ path }) => `'${join(objects, path)}'`).join(', ');
      const connection = await duckdb.connect();
      try {
        const reader = await connection.runAndReadAll(`SELECT id FROM read_parquet([${list}]) ORDER BY id`);
        return reader.getRows().map(([id]) => String(id));
      } finally {
        connection.closeSync();
      }
    },
    openClaim: async (tenantId) => {
      const [row] = await dataSource.query<{ state: string; attempt: number; last_error: string | null }[]>(
        `SELECT state, attempt, last_error FROM ingest_claim_batch WHERE tenant_id = $1 AND state <> 'acked'`,
        [tenantId],
      );
      return row;
    },
    endPauses: async () => {
      await dataSource.query(
        `UPDATE ingest_claim_batch SET next_attempt_at = clock_timestamp() WHERE state = 'waiting'`,
      );
    },
    close: async () => {
      duckdb.closeSync();
      await engine.close();
      await notifications.onApplicationShutdown();
      await dataSource.destroy();
      await database.drop();
      await folder.remove();
    },
  };
  return stage;
}

/** A bus that is `bus` but for the calls that are given. */
export function busWith(bus: IngestBus, calls: Partial<IngestBus>): IngestBus {
  return new Proxy(bus, {
    get: (target, name) => {
      const own = (calls as Record<PropertyKey, unknown>)[name];
      const value = own ?? (target as unknown as Record<PropertyKey, unknown>)[name];
      return typeof value === 'function' ? (value as (...args: never[]) => unknown).bind(target) : value;
    },
  });
}

export type { Claim };
