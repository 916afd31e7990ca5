import pg from 'pg';
import { createDataSource } from '../../src/database/index.js';
import { armFailpoints } from '../../src/kernel/index.js';
import type { Claim, IngestBus } from '../../src/modules/bus/index.js';
import { GENERATION_CLASSES, type GenerationClass } from '../../src/modules/bus/generations.js';
import type { LedgerUpkeep } from '../../src/modules/bus/ledger-upkeep.js';
import { openPostgresBackend, type PostgresBackend } from '../support/bus-postgres.js';
import { drain, newTableId, requestOf, type RequestSketch } from '../support/bus-requests.js';
import { age, generationOf, leavesOf, upkeepOn } from '../support/ledger.js';
import { until } from '../support/until.js';

const ANY = { maxRows: 1_000_000, maxBytes: 1 << 30 };
const windowClass = '1h';

let backend: PostgresBackend;
let bus: IngestBus;
let upkeep: LedgerUpkeep;
let holder: pg.Client;
let tenantId: string;
let tableId: number;

const request = (sketch: RequestSketch) => requestOf(backend, tenantId, tableId, { windowClass, ...sketch });
const append = (...keys: string[]) => bus.append(request({ records: keys.map((key) => ({ key })) }));
const rotate = async (...classes: GenerationClass[]) => {
  for (const each of classes) await age(backend.dataSource, each);
  return upkeep.runOnce();
};
/** Rotates class and bodies so often that no generation that was in use then is in use now. */
const outlive = async () => {
  for (let n = 0; n < 3; n += 1) await rotate(windowClass, 'body');
};
const leaves = (parent: string) => leavesOf(backend.dataSource, parent);
/** Backends that wait for a lock. */
const waiting = (count: number) =>
  until(`${count} to wait for a lock`, 20_000, async () => {
    const rows = await backend.dataSource.query<unknown[]>(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows.length >= count;
  });

beforeEach(async () => {
  backend = await openPostgresBackend();
  bus = await backend.open();
  upkeep = upkeepOn(backend.dataSource);
  holder = new pg.Client({ connectionString: backend.url });
  await holder.connect();
  tenantId = await backend.createTenant();
  tableId = newTableId();
  // The generation of bodies before the first, which was never in use.
  await upkeep.runOnce();
});
afterEach(async () => {
  armFailpoints([]);
  await holder.end();
  await backend.close();
});

describe('rotation', () => {
  it('does nothing before the window is over', async () => {
    const report = await upkeep.runOnce();
    expect(report).toMatchObject({ rotated: [], droppedLeaves: [], putOff: [], purgedClaims: 0 });
    for (const each of GENERATION_CLASSES) expect(await generationOf(backend.dataSource, each)).toBe(1);
  });

  it.each(GENERATION_CLASSES)(
    'begins a generation of %s when the current one is as old as its window',
    async (each) => {
      await backend.dataSource.query(
        `UPDATE ingest_generation SET rotated_at = clock_timestamp() - interval '59 minutes'`,
      );
      expect((await upkeep.runOnce()).rotated).toEqual([]);
      expect((await rotate(each)).rotated).toEqual([each]);
      expect(await generationOf(backend.dataSource, each)).toBe(2);
      expect((await upkeep.runOnce()).rotated).toEqual([]);
    },
  );

  it('keeps two generations of leaves ahead', async () => {
    for (let n = 0; n < 3; n += 1) await rotate(windowClass, 'body');
    await upkeep.runOnce();
    for (const parent of ['ingest_event_1h', 'ingest_batch_1h', 'ingest_body']) {
      expect((await leaves(parent)).slice(-2)).toEqual([5, 6]);
    }
  });

  it('happens once where several processes find it due', async () => {
    const others = await Promise.all(
      [1, 2, 3].map(() => createDataSource(backend.url, { poolMax: 2 }).initialize()),
    );
    try {
      for (let round = 1; round <= 4; round += 1) {
        await append(`k-${round}`);
        for (const each of [windowClass, 'body'] as const) await age(backend.dataSource, each);
        const reports = await Promise.all(others.map((one) => upkeepOn(one).runOnce()));
        expect(reports.flatMap(({ rotated }) => rotated).toSorted()).toEqual([windowClass, 'body']);
        expect(await generationOf(backend.dataSource, windowClass)).toBe(round + 1);
        await drain(backend, bus, tenantId);
      }
      await Promise.all(others.map((one) => upkeepOn(one).runOnce()));
      expect(await leaves('ingest_event_1h')).toEqual([4, 5, 6, 7]);
      expect(await leaves('ingest_body')).toEqual([5, 6, 7]);
    } finally {
      await Promise.all(others.map((one) => one.destroy()));
    }
  });

  it('is put off while an ingest is under way, loses nothing of it, and comes in a later run', async () => {
    await holder.query('BEGIN');
    await holder.query('SELECT FROM tenant_clock WHERE tenant_id = $1 FOR UPDATE', [tenantId]);
    const written = append('a');
    await waiting(1);
    const report = await rotate(windowClass, 'body');
    expect(report).toMatchObject({
      rotated: [],
      droppedLeaves: [],
      putOff: ['rotation of 1h', 'rotation of body'],
    });
    await holder.query('COMMIT');
    await written;
    expect((await upkeep.runOnce()).rotated).toEqual([windowClass, 'body']);
    expect(await leaves('ingest_body')).toContain(1);
    expect(await drain(backend, bus, tenantId)).toHaveLength(1);
  });
});

describe('dropping', () => {
  it('forgets a key after its window and not before', async () => {
    await append('a');
    await drain(backend, bus, tenantId);
    await rotate(windowClass);
    expect(await append('a')).toMatchObject({ acceptedCount: 0, duplicateCount: 1 });
    await rotate(windowClass);
    expect(await leaves('ingest_event_1h')).not.toContain(1);
    expect(await append('a')).toMatchObject({ acceptedCount: 1, maxVisibilityToken: 2 });
  });

  it('drops what is published and keeps the rest: a backlog outlives any number of generations', async () => {
    await append('a', 'b');
    await outlive();
    expect(await leaves('ingest_event_1h')).not.toContain(1);
    expect(await leaves('ingest_batch_1h')).toContain(1);
    expect(await leaves('ingest_body')).toContain(1);
    const report = await upkeep.runOnce();
    expect(report.leavesInUse.toSorted()).toEqual(
      ['ingest_batch_1h_1', 'ingest_body_1', 'ingest_body_2', 'ingest_body_3'].toSorted(),
    );
    expect((await drain(backend, bus, tenantId)).map(({ key }) => key)).toEqual(['a', 'b']);
    const { droppedLeaves, leavesInUse } = await upkeep.runOnce();
    expect(droppedLeaves.toSorted()).toEqual(report.leavesInUse.toSorted());
    expect(leavesInUse).toEqual([]);
  });

  it('keeps a half published backlog from its first unpublished batch on', async () => {
    await append('a');
    await rotate('body');
    await append('b');
    await rotate('body');
    const claim = (await bus.claim(tenantId, 'one', { maxRows: 1, maxBytes: 1 << 30 }, 60_000)) as Claim;
    expect(claim.lastToken).toBe(1);
    await backend.publish(bus, claim);
    await outlive();
    expect((await leaves('ingest_body')).slice(0, 2)).toEqual([2, 3]);
    expect((await drain(backend, bus, tenantId)).map(({ key }) => key)).toEqual(['b']);
  });

  it('keeps what a live claim holds', async () => {
    await append('a');
    const claim = (await bus.claim(tenantId, 'one', ANY, 60_000)) as Claim;
    await outlive();
    expect(await leaves('ingest_body')).toContain(1);
    expect(await backend.publish(bus, claim)).toBe(true);
  });

  it('keeps what a disabled tenant wrote, whatever the others have published', async () => {
    await append('a');
    await backend.dataSource.query(`UPDATE tenant SET status = 'disabled'`);
    const other = await backend.createTenant();
    await bus.append(requestOf(backend, other, newTableId(), { windowClass, records: [{ key: 'a' }] }));
    await drain(backend, bus, other);
    await outlive();
    expect(await drain(backend, bus, tenantId)).toHaveLength(1);
  });

  it('keeps nothing for a tenant that is deleted: nothing can publish it', async () => {
    await append('a');
    await backend.dataSource.query(`DELETE FROM tenant_head; DELETE FROM tenant`);
    await outlive();
    await upkeep.runOnce();
    expect(await leaves('ingest_body')).not.toContain(1);
    expect(await leaves('ingest_batch_1h')).not.toContain(1);
  });

  it('gives up on a leaf that is read for long, holds ingest up only so long, and drops it later', async () => {
    await append('a');
    await drain(backend, bus, tenantId);
    await holder.query('BEGIN');
    await holder.query('SELECT count(*) FROM ingest_body');
    const kept = await rotate('body');
    expect(kept).toMatchObject({ rotated: ['body'], droppedLeaves: [], putOff: ['drop of ingest_body_1'] });
    expect(await append('b')).toMatchObject({ acceptedCount: 1 });
    await holder.query('COMMIT');
    expect((await upkeep.runOnce()).droppedLeaves).toEqual(['ingest_body_1']);
    expect((await drain(backend, bus, tenantId)).map(({ key }) => key)).toEqual(['b']);
  });

  it('does not touch the parent while a leaf is being vacuumed', async () => {
    await backend.dataSource.query(`UPDATE ingest_generation SET number = 2 WHERE class = 'body'`);
    await holder.query('BEGIN');
    // The lock of a vacuum.
    await holder.query('LOCK TABLE ingest_body_1 IN SHARE UPDATE EXCLUSIVE MODE');
    const reader = new pg.Client({ connectionString: backend.url });
    await reader.connect();
    try {
      await reader.query('BEGIN');
      await reader.query('SELECT count(*) FROM ONLY ingest_body');
      // A timeout of 0 is none: it would not answer if it waited for the parent.
      const [row] = await backend.dataSource.query<{ fate: string }[]>(
        `SELECT ingest_drop_leaf('body', 'ingest_body', 1, 0) AS fate`,
      );
      expect(row?.fate).toBe('locked');
    } finally {
      await reader.end();
    }
  });

  it('finds a leaf gone that another process dropped, although its own cache still has the name', async () => {
    await backend.dataSource.query(`UPDATE ingest_generation SET number = 2 WHERE class = 'body'`);
    await holder.query('SELECT pg_advisory_lock(1)');
    // One statement: the name is cached before the other's drop, and nothing makes the session look again.
    const late = backend.dataSource.query<{ fate: string }[]>(
      `SELECT to_regclass('ingest_body_1'), pg_advisory_xact_lock(1),
              ingest_drop_leaf('body', 'ingest_body', 1, 0) AS fate`,
    );
    await waiting(1);
    const first = await holder.query(`SELECT ingest_drop_leaf('body', 'ingest_body', 1, 0) AS fate`);
    expect(first.rows).toEqual([{ fate: 'dropped' }]);
    await holder.query('SELECT pg_advisory_unlock(1)');
    expect((await late)[0]?.fate).toBe('gone');
  });

  it('is finished by the next run where a process ended in the middle', async () => {
    await append('a');
    await drain(backend, bus, tenantId);
    await rotate(windowClass, 'body');
    await age(backend.dataSource, windowClass);
    armFailpoints([{ name: 'ledger.leaf_dropped', action: 'error', count: 1 }]);
    await expect(upkeep.runOnce()).rejects.toThrow('ledger.leaf_dropped');
    expect(await leaves('ingest_batch_1h')).not.toContain(1);
    expect(await leaves('ingest_event_1h')).toContain(1);
    await upkeep.runOnce();
    expect(await leaves('ingest_batch_1h')).toEqual([2, 3, 4, 5]);
    expect(await leaves('ingest_event_1h')).toEqual([2, 3, 4, 5]);
    expect(await append('a')).toMatchObject({ acceptedCount: 1 });
  });
});

describe('claims', () => {
  const claims = () =>
    backend.dataSource.query<{ base_token: number; items: number }[]>(
      `SELECT base_token, (SELECT count(*) FROM ingest_claim_item i WHERE i.claim_id = c.claim_id) AS items
       FROM ingest_claim_batch c ORDER BY claim_id`,
    );
  const grow = (hours: number) =>
    backend.dataSource.query(
      `UPDATE ingest_claim_batch SET claimed_at = claimed_at - $1 * interval '1 hour'`,
      [hours],
    );

  it('are kept for a day after they were settled, and then purged with their items', async () => {
    await append('a');
    await drain(backend, bus, tenantId);
    await grow(25);
    await append('b');
    await drain(backend, bus, tenantId);
    expect((await upkeep.runOnce()).purgedClaims).toBe(1);
    expect(await claims()).toEqual([{ base_token: 1, items: 1 }]);
  });

  it('are never purged before they are settled', async () => {
    await append('a');
    const claim = (await bus.claim(tenantId, 'one', ANY, 60_000)) as Claim;
    await grow(1000);
    expect((await upkeep.runOnce()).purgedClaims).toBe(0);
    await bus.nack(claim, 60_000, 'a cause');
    expect((await upkeep.runOnce()).purgedClaims).toBe(0);
    expect(await claims()).toEqual([{ base_token: 0, items: 1 }]);
  });

  it('are purged in small statements until none is left', async () => {
    await backend.dataSource.query(
      `INSERT INTO ingest_claim_batch (tenant_id, consumer, base_token, last_token, lease_until, claimed_at, state)
       SELECT 'gone', 'test', n, n + 1, now(), now() - interval '2 days', 'acked' FROM generate_series(1, 2500) n`,
    );
    expect((await upkeep.runOnce()).purgedClaims).toBe(2500);
  });
});
