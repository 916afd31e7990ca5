import { DataSource } from 'typeorm';
import { createDataSource, query, sql, Transactions } from '../../src/database/index.js';
import { PostgresIngestBus } from '../../src/modules/bus/ingest-bus.postgres.js';
import type { Claim, IngestBus } from '../../src/modules/bus/index.js';
import type { BusBackend } from './bus-backend.js';
import { createTestDatabase } from './postgres.js';

/** The pool size of each process stand-in. */
const POOL_MAX = 6;

/** The Postgres bus on a database of its own; `close` drops it. */
export async function openPostgresBackend(): Promise<PostgresBackend> {
  const database = await createTestDatabase();
  const dataSource = await createDataSource(database.url, { poolMax: POOL_MAX }).initialize();
  return new PostgresBackend(database.url, dataSource, () => database.drop());
}

class Refused extends Error {}

export class PostgresBackend implements BusBackend {
  private readonly opened: DataSource[] = [];
  private readonly transactions: Transactions;
  private tenants = 0;

  constructor(
    readonly url: string,
    readonly dataSource: DataSource,
    private readonly drop: () => Promise<void>,
  ) {
    this.transactions = new Transactions(dataSource);
  }

  async open(): Promise<IngestBus> {
    const dataSource = await createDataSource(this.url, { poolMax: POOL_MAX }).initialize();
    this.opened.push(dataSource);
    return new PostgresIngestBus(dataSource, new Transactions(dataSource));
  }

  async createTenant(): Promise<string> {
    this.tenants += 1;
    const tenantId = `tenant-${this.tenants}`;
    await insertTenant(this.dataSource, tenantId);
    return tenantId;
  }

  async raiseEpoch(tenantId: string): Promise<{ epoch: number; clock: number }> {
    const [row] = await query<{ epoch: number; clock: number }>(
      this.dataSource,
      sql`UPDATE tenant_clock SET catalog_epoch = catalog_epoch + 1 WHERE tenant_id = ${tenantId}
          RETURNING catalog_epoch AS epoch, last_token AS clock`,
    );
    if (row === undefined) throw new Error(`no tenant ${tenantId}`);
    return row;
  }

  async epochOf(tenantId: string): Promise<number> {
    const [row] = await query<{ epoch: number }>(
      this.dataSource,
      sql`SELECT catalog_epoch AS epoch FROM tenant_clock WHERE tenant_id = ${tenantId}`,
    );
    return row?.epoch ?? 0;
  }

  async clockOf(tenantId: string): Promise<number> {
    const [row] = await query<{ clock: number }>(
      this.dataSource,
      sql`SELECT last_token AS clock FROM tenant_clock WHERE tenant_id = ${tenantId}`,
    );
    return row?.clock ?? 0;
  }

  async publish(bus: IngestBus, claim: Claim): Promise<boolean> {
    try {
      await this.transactions.write(async (tx) => {
        const advanced = await query(
          tx,
          sql`UPDATE tenant_head SET published_token = ${claim.lastToken}
              WHERE tenant_id = ${claim.tenantId} AND published_token = ${claim.baseToken} RETURNING tenant_id`,
        );
        if (advanced.length !== 1 || !(await bus.fence(tx, claim))) throw new Refused();
      });
    } catch (error) {
      if (error instanceof Refused) return false;
      throw error;
    }
    return bus.ack(claim);
  }

  fence(bus: IngestBus, claim: Claim): Promise<boolean> {
    return this.transactions.write((tx) => bus.fence(tx, claim));
  }

  async close(): Promise<void> {
    await Promise.all([...this.opened, this.dataSource].map((dataSource) => dataSource.destroy()));
    await this.drop();
  }
}

/** What the creation of a tenant leaves in the catalog: the tenant, its clock, an empty snapshot and its head. */
export async function insertTenant(dataSource: DataSource, tenantId: string): Promise<void> {
  await dataSource.transaction(async (tx) => {
    await tx.query(`INSERT INTO tenant (tenant_id, name) VALUES ($1, $1)`, [tenantId]);
    await tx.query(`INSERT INTO tenant_clock (tenant_id) VALUES ($1)`, [tenantId]);
    await tx.query(
      `WITH root AS (
         INSERT INTO snapshot (tenant_id, operation, max_visibility_token, sequence_number, publication_id,
                               created_at, created_by)
         VALUES ($1, 'schema', 0, 0, gen_random_uuid(), now(), 'test') RETURNING snapshot_id)
       INSERT INTO tenant_head (tenant_id, snapshot_id) SELECT $1, snapshot_id FROM root`,
      [tenantId],
    );
  });
}
