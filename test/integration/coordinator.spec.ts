import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { armFailpoints, type FailpointName } from '../../src/kernel/index.js';
import { EngineFailure, type WriteEngine, type WriteJob } from '../../src/modules/engine/index.js';
import type { UploadedFile } from '../../src/modules/snapshots/index.js';
import type { ObjectStore } from '../../src/modules/storage/index.js';
import { busWith, openCommitStage, type CommitStage, type CoordinatorParts } from '../support/commit.js';
import { until } from '../support/until.js';

const TENANT = 'acme';

let stage: CommitStage;
let orders: number;

beforeEach(async () => {
  stage = await openCommitStage();
  await stage.createTenant(TENANT);
  orders = await stage.createTable(TENANT, 'orders');
});
afterEach(async () => {
  armFailpoints([]);
  await stage.close();
});

const never = new AbortController().signal;
const turn = (parts?: CoordinatorParts) => stage.coordinator(parts).runOnce(never);
const again = async () => {
  await stage.endPauses();
  await turn();
};
/** An object store that is `stage.store` but for its puts. */
const storeWith = (putFile: ObjectStore['putFile']): ObjectStore =>
  Object.assign(Object.create(stage.store) as ObjectStore, { putFile });
const engineWith = (before: (job: WriteJob) => void | Promise<void>): Pick<WriteEngine, 'writeParquet'> => ({
  writeParquet: async (job, signal) => {
    await before(job);
    return stage.engine.writeParquet(job, signal);
  },
});
/** An engine that never ends by itself. `atWork` resolves with the signal of its job, which ends it. */
const hangingEngine = () => {
  const atWork = Promise.withResolvers<AbortSignal>();
  const writeParquet: WriteEngine['writeParquet'] = (_job, signal = never) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      atWork.resolve(signal);
    });
  return { engine: { writeParquet }, atWork: atWork.promise };
};
const scratchFolders = () => readdir(join(stage.scratch, 'commit')).catch(() => []);

describe('a turn of the coordinator', () => {
  it('publishes what was acknowledged, of all tables at once, and leaves no scratch behind', async () => {
    const visits = await stage.createTable(TENANT, 'visits');
    await stage.append(TENANT, orders, 'a', 'b');
    await stage.append(TENANT, visits, 'x');
    const last = await stage.append(TENANT, orders, 'c');
    expect(await turn()).toBe(true);
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await stage.ids(orders)).toEqual(['a', 'b', 'c']);
    expect(await stage.ids(visits)).toEqual(['x']);
    expect(await stage.openClaim(TENANT)).toBeUndefined();
    expect(await scratchFolders()).toEqual([]);
    expect(await turn()).toBe(false);
  });

  it('publishes what a disabled tenant had written', async () => {
    const last = await stage.append(TENANT, orders, 'a');
    await stage.dataSource.query(`UPDATE tenant SET status = 'disabled'`);
    await turn();
    expect(await stage.watermark(TENANT)).toBe(last);
  });

  it('gives the claim back when the object store fails, and publishes once when it is back', async () => {
    const last = await stage.append(TENANT, orders, 'a');
    await turn({ store: storeWith(() => Promise.reject(new Error('the store is away'))) });
    expect(await stage.watermark(TENANT)).toBe(0);
    expect(await stage.openClaim(TENANT)).toMatchObject({
      state: 'waiting',
      attempt: 1,
      last_error: 'the store is away',
    });
    expect(await turn()).toBe(false);
    await again();
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await stage.ids(orders)).toEqual(['a']);
  });

  it('bears the end of its engine child', async () => {
    const last = await stage.append(TENANT, orders, 'a');
    const dying: Pick<WriteEngine, 'writeParquet'> = {
      writeParquet: (job, signal) => {
        const written = stage.engine.writeParquet(job, signal);
        const kill = () => {
          for (const pid of (stage.engine as WriteEngine & { childPids(): number[] }).childPids())
            process.kill(pid, 'SIGKILL');
        };
        return Promise.resolve()
          .then(kill)
          .then(() => written);
      },
    };
    await turn();
    await stage.append(TENANT, orders, 'b');
    await turn({ engine: dying });
    expect(await stage.openClaim(TENANT)).toMatchObject({ state: 'waiting' });
    await again();
    expect(await stage.watermark(TENANT)).toBe(last + 1);
    expect(await stage.ids(orders)).toEqual(['a', 'b']);
  });

  it.each<FailpointName>(['commit.claimed', 'commit.pending_row', 'commit.uploaded', 'commit.published'])(
    'loses nothing and shows nothing twice after an error at %s',
    async (name) => {
      const last = await stage.append(TENANT, orders, 'a', 'b');
      armFailpoints([{ name, action: 'error', count: 1 }]);
      await turn();
      await again();
      expect(await stage.watermark(TENANT)).toBe(last);
      expect(await stage.ids(orders)).toEqual(['a', 'b']);
      expect(await stage.openClaim(TENANT)).toBeUndefined();
    },
  );

  it('drops its work when the lease was lost, and the other one publishes', async () => {
    const last = await stage.append(TENANT, orders, 'a');
    const slow = engineWith(async () => {
      await stage.dataSource.query(
        `UPDATE ingest_claim_batch SET lease_until = clock_timestamp() - interval '1 s'`,
      );
      await turn();
    });
    await turn({ engine: slow });
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await stage.ids(orders)).toEqual(['a']);
    expect(await stage.openClaim(TENANT)).toBeUndefined();
  });

  it('ends the work early when it learns that the lease was lost', async () => {
    await stage.append(TENANT, orders, 'a');
    const { engine, atWork } = hangingEngine();
    // Not before the work has begun: what is lost earlier never gets to it.
    const lost = busWith(stage.bus, { extendLease: () => atWork.then(() => false) });
    await turn({ engine, bus: lost, leaseMs: 300 });
    expect(String((await atWork).reason)).toContain('the lease was lost');
  });

  it('publishes once where two look at the same tenants at the same time', async () => {
    const tokens: number[] = [];
    for (let n = 0; n < 6; n++) {
      tokens.push(await stage.append(TENANT, orders, `${n}`));
      await Promise.all([turn(), turn(), turn()]);
    }
    await turn();
    expect(await stage.watermark(TENANT)).toBe(tokens.at(-1));
    expect(await stage.ids(orders)).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  it('tells those who wait of its files, before it publishes them', async () => {
    stage.announcements.onModuleInit();
    const told: UploadedFile[] = [];
    stage.announcements.listen('another', (files) => told.push(...files));
    stage.announcements.listen(TENANT, (files) => told.push(...files));
    let toldBefore = 0;
    const bus = busWith(stage.bus, {
      fence: (...call) => {
        toldBefore = told.length;
        return stage.bus.fence(...call);
      },
    });
    await stage.append(TENANT, orders, 'nobody waits for it');
    await turn({ bus });
    expect(told).toEqual([]);
    const last = await stage.append(TENANT, orders, 'a');
    const coordinator = stage.coordinator({ bus });
    coordinator.requestFlush(TENANT, last);
    await coordinator.runOnce(never);
    expect(toldBefore).toBeGreaterThan(0);
    const [row] = await stage.dataSource.query<UploadedFile[]>(
      `SELECT table_id AS "tableId", path AS key, file_size_bytes AS "sizeBytes", encode(sha256, 'hex') AS sha256
       FROM data_file ORDER BY file_id DESC LIMIT 1`,
    );
    expect(told[0]).toEqual(row);
  });

  it('gives the claim back when the publication is refused', async () => {
    const last = await stage.append(TENANT, orders, 'a');
    const refused = busWith(stage.bus, { fence: () => Promise.resolve(false) });
    await turn({ bus: refused });
    expect(await stage.watermark(TENANT)).toBe(0);
    expect(await stage.openClaim(TENANT)).toMatchObject({
      state: 'waiting',
      last_error: 'the claim is no longer ours',
    });
    await again();
    expect(await stage.watermark(TENANT)).toBe(last);
  });

  it('gives its claim back at once when it is stopped', async () => {
    await stage.append(TENANT, orders, 'a');
    const stop = new AbortController();
    await stage.coordinator({ engine: engineWith(() => stop.abort()) }).runOnce(stop.signal);
    expect(await stage.openClaim(TENANT)).toMatchObject({ state: 'waiting' });
    // No pause: the next look finds it.
    await turn();
    expect(await stage.ids(orders)).toEqual(['a']);
  });
});

describe('a coordinator that runs', () => {
  it('gives its claims back at once when the process is stopped, so that another goes on', async () => {
    await stage.append(TENANT, orders, 'a');
    const { engine, atWork } = hangingEngine();
    const coordinator = stage.coordinator({ engine });
    coordinator.onApplicationBootstrap();
    await atWork;
    expect(await stage.openClaim(TENANT)).toMatchObject({ state: 'live' });
    await coordinator.beforeApplicationShutdown();
    expect(await stage.openClaim(TENANT)).toMatchObject({ state: 'waiting', attempt: 1 });
    // No lease and no pause to wait for.
    await turn();
    expect(await stage.ids(orders)).toEqual(['a']);
  });
});

describe('dropped tables', () => {
  const summary = async () => {
    const [row] = await stage.dataSource.query<{ summary: object }[]>(
      `SELECT summary FROM snapshot ORDER BY snapshot_id DESC LIMIT 1`,
    );
    return row?.summary;
  };

  it('discards and counts the events of a table that was dropped before the commit', async () => {
    const last = await stage.append(TENANT, orders, 'a', 'b');
    await stage.tables.drop(TENANT, 'orders', 'test');
    await turn();
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await stage.ids(orders)).toEqual([]);
    expect(await summary()).toEqual({ added_files: 0, discarded_events: 2 });
  });

  it('discards and counts the events of a table that is dropped during the commit, and keeps the others', async () => {
    const visits = await stage.createTable(TENANT, 'visits');
    await stage.append(TENANT, orders, 'a', 'b');
    const last = await stage.append(TENANT, visits, 'x');
    let dropping: Promise<unknown> | undefined;
    const store = storeWith(async (...args) => {
      await (dropping ??= stage.tables.drop(TENANT, 'orders', 'test'));
      return stage.store.putFile(...args);
    });
    await turn({ store });
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await stage.ids(orders)).toEqual([]);
    expect(await stage.ids(visits)).toEqual(['x']);
    expect(await summary()).toEqual({ added_files: 1, discarded_events: 2 });
  });

  it('is not held up by events of a dropped table that cannot be written', async () => {
    await stage.append(TENANT, orders, 'a', 'b');
    const broken = engineWith(() => Promise.reject(new EngineFailure('internal', 'INTERNAL Error')));
    await turn({ engine: broken });
    expect(await stage.openClaim(TENANT)).toMatchObject({ state: 'waiting' });
    await stage.tables.drop(TENANT, 'orders', 'test');
    const visits = await stage.createTable(TENANT, 'visits');
    const last = await stage.append(TENANT, visits, 'x');
    await again();
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await stage.ids(visits)).toEqual(['x']);
  });
});

describe('a tenant that fails', () => {
  /** A tenant after `acme` in the order of the looks, with an event. */
  const withOther = async () => {
    await stage.createTenant('other');
    const table = await stage.createTable('other', 'orders');
    return stage.append('other', table, 'z');
  };

  it('does not keep the others from being committed when it cannot be claimed', async () => {
    await stage.append(TENANT, orders, 'a');
    await stage.append(TENANT, orders, 'b');
    // A hole, which a claim must refuse.
    await stage.dataSource.query(`DELETE FROM ingest_batch WHERE first_token = 1`);
    const last = await withOther();
    const coordinator = stage.coordinator();
    await coordinator.runOnce(never).catch(() => undefined);
    await coordinator.runOnce(never).catch(() => undefined);
    expect(await stage.watermark('other')).toBe(last);
    expect(await stage.watermark(TENANT)).toBe(0);
  });

  it('is not looked at again at once', async () => {
    await stage.append(TENANT, orders, 'a');
    let claims = 0;
    const bus = busWith(stage.bus, {
      claim: () => {
        claims += 1;
        return Promise.reject(new Error('cannot be claimed'));
      },
    });
    const coordinator = stage.coordinator({ bus });
    await coordinator.runOnce(never).catch(() => undefined);
    expect(await coordinator.runOnce(never).catch(() => true)).toBe(false);
    expect(claims).toBe(1);
  });

  it('loses no lease when its bodies cannot be read', async () => {
    await stage.append(TENANT, orders, 'a');
    await stage.dataSource.query(`DELETE FROM ingest_body`);
    await turn().catch(() => undefined);
    expect(await stage.openClaim(TENANT)).toMatchObject({ state: 'waiting' });
  });

  it('is tried with less at a time, so that a range which is too much for the engine gets through', async () => {
    let last = 0;
    for (let n = 0; n < 8; n++) last = await stage.append(TENANT, orders, `${n}`);
    const weak = engineWith((job) => {
      if ((job.expectedRows ?? 0) > 2) throw new EngineFailure('memory', 'out of memory');
    });
    await until('all of it to be published', 30_000, async () => {
      await stage.endPauses();
      await turn({ engine: weak, targetRows: 8 });
      return (await stage.watermark(TENANT)) === last;
    });
    expect(await stage.ids(orders)).toHaveLength(8);
  });

  it('is given back with a cause that Postgres can keep', async () => {
    await stage.append(TENANT, orders, 'a');
    await turn({ engine: engineWith(() => Promise.reject(new Error(`bad \0 byte ${'x'.repeat(100_000)}`))) });
    const claim = await stage.openClaim(TENANT);
    expect(claim).toMatchObject({ state: 'waiting' });
    expect(claim?.last_error?.length).toBeLessThan(2000);
  });
});
