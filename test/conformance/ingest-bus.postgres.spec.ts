import { jest } from '@jest/globals';
import pg from 'pg';
import { AppError, NOT_FOUND } from '../../src/kernel/index.js';
import { applyMigrations, query, sql, Transactions } from '../../src/database/index.js';
import type { Claim, IngestBus } from '../../src/modules/bus/index.js';
import { PostgresIngestBus } from '../../src/modules/bus/ingest-bus.postgres.js';
import { raiseGeneration } from '../../src/modules/bus/sql/rotate.js';
import { storedKey } from '../../src/modules/bus/stored-key.js';
import { openPostgresBackend, type PostgresBackend } from '../support/bus-postgres.js';
import { drain, newTableId, requestOf, type RequestSketch } from '../support/bus-requests.js';

const ANY = { maxRows: 1_000_000, maxBytes: 1 << 30 };

interface StoredKey {
  readonly key: string;
  readonly stored: string;
}

/** Races of the Postgres adapter that are brought about by holding a lock until the other side waits. */
describe('IngestBus: Postgres: races', () => {
  let backend: PostgresBackend;
  let bus: IngestBus;
  let other: IngestBus;
  let holder: pg.Client;
  let tenantId: string;
  let tableId: number;
  const request = (sketch: RequestSketch) => requestOf(backend, tenantId, tableId, sketch);

  beforeAll(async () => {
    backend = await openPostgresBackend();
    [bus, other] = await Promise.all([backend.open(), backend.open()]);
    holder = new pg.Client({ connectionString: backend.url });
    await holder.connect();
  });
  afterAll(async () => {
    await holder.end();
    await backend.close();
  });
  beforeEach(async () => {
    tenantId = await backend.createTenant();
    tableId = newTableId();
  });
  afterEach(() => holder.query('ROLLBACK'));

  const holdClock = async () => {
    await holder.query('BEGIN');
    await holder.query('SELECT FROM tenant_clock WHERE tenant_id = $1 FOR UPDATE', [tenantId]);
  };

  /** The backends that wait for a lock, once there are `count` of them. */
  async function waiting(count: number): Promise<number[]> {
    for (;;) {
      // Not on the holder's connection: inside a transaction this view does not change.
      const rows = await query<{ pid: number }>(
        backend.dataSource,
        sql`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      if (rows.length >= count) return rows.map(({ pid }) => pid);
    }
  }

  it('lets a rotation wait for an ingest in flight, and those after the rotation see its keys', async () => {
    const windowClass = '1h';
    await holdClock();
    const first = bus.append(request({ windowClass, records: [{ key: 'a' }] }));
    await waiting(1);
    const rotation = other.rotate(windowClass);
    await waiting(2);
    const second = other.append(request({ windowClass, records: [{ key: 'a' }] }));
    await waiting(3);
    await holder.query('COMMIT');
    expect(await first).toMatchObject({ acceptedCount: 1 });
    await rotation;
    expect(await second).toEqual({ acceptedCount: 0, duplicateCount: 1, maxVisibilityToken: 1 });
    const generations = await query<{ number: number }>(
      backend.dataSource,
      sql`SELECT number FROM ingest_generation WHERE class = ${windowClass}`,
    );
    expect(generations).toEqual([{ number: 2 }]);
  });

  it('lets a rotation of the bodies wait for an ingest in flight', async () => {
    await holdClock();
    const first = bus.append(request({ records: [{ key: 'a' }] }));
    await waiting(1);
    const rotation = other.rotate('body');
    await waiting(2);
    await holder.query('COMMIT');
    expect(await first).toMatchObject({ acceptedCount: 1 });
    await rotation;
    expect(await drain(backend, bus, tenantId)).toHaveLength(1);
  });

  it('raises a generation once from each number', async () => {
    const transactions = new Transactions(backend.dataSource);
    const numbers = async () =>
      query<{ number: number }>(
        backend.dataSource,
        sql`SELECT number FROM ingest_generation WHERE class = '7d'`,
      );
    const [before] = await numbers();
    const from = before?.number ?? 0;
    await Promise.all([1, 2, 3].map(() => transactions.write((tx) => raiseGeneration(tx, '7d', from))));
    expect(await numbers()).toEqual([{ number: from + 1 }]);
  });

  it('waits for another process that is about to commit the same key, and takes its token', async () => {
    await holdClock();
    const first = bus.append(request({ records: [{ key: 'x' }, { key: 'a' }] }));
    await waiting(1);
    const second = other.append(request({ records: [{ key: 'a' }, { key: 'b' }] }));
    await waiting(2);
    await holder.query('COMMIT');
    expect(await first).toMatchObject({ acceptedCount: 2, maxVisibilityToken: 2 });
    expect(await second).toEqual({ acceptedCount: 1, duplicateCount: 1, maxVisibilityToken: 4 });
  });

  it('locks keys in the order of the stored keys, so that two processes cannot lock each other out', async () => {
    const [low, high] = ['a', 'b']
      .map((key) => ({ key, stored: storedKey(tableId, 'record', key) }))
      .toSorted((a, b) => (a.stored < b.stored ? -1 : 1)) as [StoredKey, StoredKey];
    const insert = ({ stored }: StoredKey) =>
      holder.query(
        `INSERT INTO ingest_event SELECT 0, $1, 0, 1, number, $2, $2, 'r', 'i', class
         FROM ingest_generation WHERE class = '24h'`,
        [tableId, stored],
      );
    await holder.query('BEGIN');
    await insert(low);
    const waits = bus.append(request({ records: [{ key: high.key }, { key: low.key }] }));
    await waiting(1);
    await insert(high);
    await holder.query('ROLLBACK');
    expect(await waits).toMatchObject({ acceptedCount: 2 });
  });

  it('keeps nothing of a request whose table is dropped while it waits for the clock', async () => {
    await bus.append(request({ records: [{ key: 'before' }] }));
    await holder.query('BEGIN');
    await holder.query('UPDATE tenant_clock SET catalog_epoch = catalog_epoch + 1 WHERE tenant_id = $1', [
      tenantId,
    ]);
    let asked = 0;
    const raced = bus.append({
      ...request({ records: [{ key: 'a' }] }),
      revalidate: () => {
        asked += 1;
        return Promise.reject(new AppError(NOT_FOUND, 'dropped'));
      },
    });
    raced.catch(() => undefined);
    await waiting(1);
    await holder.query('COMMIT');
    await expect(raced).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(asked).toBe(1);
    expect(await backend.clockOf(tenantId)).toBe(1);
    expect((await bus.findRecords(tableId, '24h', ['a'])).size).toBe(0);
    expect(await drain(backend, bus, tenantId)).toHaveLength(1);
  });

  it('claims from the new head where a publication was under way', async () => {
    await bus.append(request({ records: [{ key: 'a' }] }));
    // Its lease has run out, or nobody would try to take it.
    const published = (await bus.claim(tenantId, 'one', ANY, 0)) as Claim;
    await bus.append(request({ records: [{ key: 'b' }] }));
    const transactions = new Transactions(backend.dataSource);
    let next: Promise<Claim | undefined> | undefined;
    await transactions.write(async (tx) => {
      await tx.query('UPDATE tenant_head SET published_token = $2 WHERE tenant_id = $1', [
        tenantId,
        published.lastToken,
      ]);
      expect(await bus.fence(tx, published)).toBe(true);
      next = other.claim(tenantId, 'two', ANY, 60_000);
      await waiting(1);
    });
    expect(await next).toMatchObject({ baseToken: 1, lastToken: 2, attempt: 1 });
  });

  it.each([
    ['another holds', () => Promise.resolve(true)],
    ['another gave back with a pause', (claim: Claim) => bus.nack(claim, 60_000, 'a test')],
  ])('reads nothing of a range that %s', async (_, end) => {
    await bus.append(request({ records: [{ key: 'a' }] }));
    await end((await bus.claim(tenantId, 'one', ANY, 60_000)) as Claim);
    const { dataSource } = backend;
    const statements = jest.spyOn(dataSource.manager, 'query');
    const watched = new PostgresIngestBus(dataSource, new Transactions(dataSource));
    expect(await watched.claim(tenantId, 'two', ANY, 60_000)).toBeUndefined();
    const texts = statements.mock.calls.map(([text]) => text);
    statements.mockRestore();
    expect(texts).toEqual([expect.stringContaining('ingest_claimable')]);
  });

  it('fails a whole group when its connection dies, keeps nothing, and goes on', async () => {
    await holdClock();
    const first = bus.append(request({ records: [{ key: 'a' }] }));
    const followers = [
      bus.append(request({ records: [{ key: 'b' }] })),
      bus.append(request({ records: [{ key: 'b', content: 1 }] })),
    ];
    let settled = false;
    const results = Promise.allSettled([first, ...followers]).finally(() => (settled = true));
    await waiting(1);
    while (!settled) {
      for (const pid of await waiting(0)) {
        await query(backend.dataSource, sql`SELECT pg_terminate_backend(${pid}, 5000)`);
      }
    }
    // The last was refused only because of the one before it, which was not kept.
    for (const result of await results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'DEPENDENCY_UNAVAILABLE' } });
    }
    await holder.query('COMMIT');
    expect(await bus.append(request({ records: [{ key: 'b', content: 1 }] }))).toEqual({
      acceptedCount: 1,
      duplicateCount: 0,
      maxVisibilityToken: 1,
    });
  });
});

describe('the migration of the ingest bus', () => {
  it('goes down and up again', async () => {
    const backend = await openPostgresBackend();
    try {
      const { dataSource } = backend;
      const applied = await query<{ name: string }>(dataSource, sql`SELECT name FROM schema_migration`);
      for (let left = applied.length; left > 0; left--) {
        await dataSource.undoLastMigration();
        const [found] = await query<{ bus: string | null }>(
          dataSource,
          sql`SELECT to_regclass('ingest_batch') AS bus`,
        );
        if (found?.bus === null) break;
      }
      const leftovers = await query(
        dataSource,
        sql`SELECT proname AS name FROM pg_proc WHERE proname LIKE 'ingest%'
            UNION ALL SELECT relname FROM pg_class WHERE relname LIKE 'ingest%' OR relname = 'dead_letter'`,
      );
      expect(leftovers).toEqual([]);
      await applyMigrations(dataSource);
      const bus = await backend.open();
      const tenantId = await backend.createTenant();
      const ack = await bus.append(requestOf(backend, tenantId, newTableId(), { records: [{ key: 'a' }] }));
      expect(ack.acceptedCount).toBe(1);
    } finally {
      await backend.close();
    }
  });
});
