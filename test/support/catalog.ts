import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { createDataSource, Notifications, Transactions } from '../../src/database/index.js';
import { createLogger, systemClock } from '../../src/kernel/index.js';
import { SNAPSHOTS_ENTITIES } from '../../src/modules/snapshots/index.js';
import { DataFileStore } from '../../src/modules/snapshots/data-file.store.js';
import { Publisher } from '../../src/modules/snapshots/publisher.js';
import { SchemaPublisher } from '../../src/modules/snapshots/schema-publisher.js';
import { SnapshotFiles } from '../../src/modules/snapshots/snapshot-files.js';
import { SnapshotResolver } from '../../src/modules/snapshots/snapshot-resolver.js';
import { SnapshotStore } from '../../src/modules/snapshots/snapshot.store.js';
import { UploadAnnouncements } from '../../src/modules/snapshots/upload-announcements.js';
import { VisibilityWaiter } from '../../src/modules/snapshots/visibility-waiter.js';
import { createTestDatabase } from './postgres.js';

/** The snapshots module on a database of its own, without the rest of the service. */
export interface TestCatalog {
  readonly dataSource: DataSource;
  readonly transactions: Transactions;
  readonly notifications: Notifications;
  readonly publisher: Publisher;
  readonly schemaPublisher: SchemaPublisher;
  readonly resolver: SnapshotResolver;
  readonly waiter: VisibilityWaiter;
  readonly files: SnapshotFiles;
  readonly dataFiles: DataFileStore;
  close(): Promise<void>;
}

/** `route` answers another URL of the database, such as that of a proxy. */
export async function openTestCatalog(
  route: (url: string) => Promise<string> = (url) => Promise.resolve(url),
): Promise<TestCatalog> {
  const database = await createTestDatabase();
  const url = await route(database.url);
  const dataSource = createDataSource(url, { poolMax: 10, entities: SNAPSHOTS_ENTITIES });
  await dataSource.initialize();
  const logger = createLogger('silent');
  const transactions = new Transactions(dataSource);
  const notifications = new Notifications(dataSource, url, logger);
  const waiter = new VisibilityWaiter(transactions, notifications, systemClock, logger);
  waiter.onModuleInit();
  return {
    dataSource,
    transactions,
    notifications,
    publisher: new Publisher(transactions, notifications, systemClock, logger),
    schemaPublisher: new SchemaPublisher(),
    resolver: new SnapshotResolver(
      transactions,
      new SnapshotStore(),
      waiter,
      new UploadAnnouncements(notifications),
      {
        timeoutMs: 1000,
        maxTimeoutMs: 600_000,
      },
    ),
    waiter,
    files: new SnapshotFiles(transactions),
    dataFiles: new DataFileStore(),
    close: async () => {
      await notifications.onApplicationShutdown();
      await dataSource.destroy();
      await database.drop();
    },
  };
}

/** A tenant as its creation leaves it, with its clock set on to `lastToken`. */
export async function insertTenant(dataSource: DataSource, tenantId: string, lastToken = 0): Promise<void> {
  await dataSource.query(`INSERT INTO tenant (tenant_id, name) VALUES ($1, $1)`, [tenantId]);
  await dataSource.query(`INSERT INTO tenant_clock (tenant_id, last_token) VALUES ($1, $2)`, [
    tenantId,
    lastToken,
  ]);
  await dataSource.query(
    `WITH s AS (
       INSERT INTO snapshot (tenant_id, operation, max_visibility_token, sequence_number, publication_id, created_at, created_by)
       VALUES ($1, 'schema', 0, 0, $2, clock_timestamp(), 'test') RETURNING snapshot_id
     ) INSERT INTO tenant_head (tenant_id, snapshot_id) SELECT $1, snapshot_id FROM s`,
    [tenantId, randomUUID()],
  );
}

/** A table with one schema version, published. Answers its id and the snapshot that has it first. */
export async function insertTable(
  catalog: TestCatalog,
  tenantId: string,
  tableName: string,
): Promise<{ tableId: number; snapshotId: number }> {
  return catalog.transactions.write(async (tx) => {
    const [row] = await tx.query<{ table_id: number }[]>(
      `INSERT INTO table_def (tenant_id, table_name, schema_version, last_column_id) VALUES ($1, $2, 1, 5) RETURNING table_id`,
      [tenantId, tableName],
    );
    const tableId = row?.table_id ?? 0;
    await tx.query(
      `INSERT INTO table_schema_version (table_id, schema_version, tenant_id, schema_json) VALUES ($1, 1, $2, '{"columns": []}')`,
      [tableId, tenantId],
    );
    const change = { kind: 'create_table', tableId, tableName, schemaVersion: 1 } as const;
    const { snapshotId } = await catalog.schemaPublisher.publishSchemaChange(tx, tenantId, change, 'test');
    return { tableId, snapshotId };
  });
}

/** A pending file of ten rows for the tokens of a range. Answers its id. */
export async function insertPendingFile(
  catalog: TestCatalog,
  tenantId: string,
  tableId: number,
  tokens: { first: number; last: number },
): Promise<number> {
  const [row] = await catalog.transactions.write((tx) =>
    catalog.dataFiles.insertPending(tx, [
      {
        tenantId,
        tableId,
        claimId: 1,
        path: `tidemark/${tenantId}/${tableId}/part-1-${randomUUID()}.parquet`,
        schemaVersion: 1,
        specId: 0,
        partitionValues: {},
        mixedPartitions: false,
        recordCount: 10,
        fileSizeBytes: 1000,
        sha256: Buffer.alloc(32, 7),
        minVisibilityToken: tokens.first,
        maxVisibilityToken: tokens.last,
        minEventTime: null,
        maxEventTime: null,
        columnStats: {},
      },
    ]),
  );
  if (row === undefined) throw new Error('the pending row was not new');
  return row.fileId;
}
