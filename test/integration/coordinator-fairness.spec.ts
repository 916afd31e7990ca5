import type { WriteEngine, WriteJob } from '../../src/modules/engine/index.js';
import type { Coordinator } from '../../src/modules/commit/coordinator.js';
import { openCommitStage, type CommitStage, type CoordinatorParts } from '../support/commit.js';
import { until } from '../support/until.js';

const TARGET_ROWS = 4;
const FILES = 6;

let stage: CommitStage;
let huge: number;
let small: number;
const running: Coordinator[] = [];

beforeEach(async () => {
  stage = await openCommitStage();
  for (const tenant of ['huge', 'small']) await stage.createTenant(tenant);
  huge = await stage.createTable('huge', 'events');
  small = await stage.createTable('small', 'events');
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((coordinator) => coordinator.beforeApplicationShutdown()));
  await stage.close();
});

function run(parts: CoordinatorParts): void {
  const coordinator = stage.coordinator({ targetRows: TARGET_ROWS, ...parts });
  running.push(coordinator);
  coordinator.onApplicationBootstrap();
}

/** Events for several files of the tenant `huge`. Answers the last token. */
async function fillHuge(): Promise<number> {
  let last = 0;
  for (let n = 0; n < FILES * TARGET_ROWS; n += 1) last = await stage.append('huge', huge, `${n}`);
  return last;
}

const engineWith = (before: (job: WriteJob) => Promise<unknown>): Pick<WriteEngine, 'writeParquet'> => ({
  writeParquet: async (job, signal) => {
    const stopped = new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    await Promise.race([before(job), stopped]);
    return stage.engine.writeParquet(job, signal);
  },
});

const untilPublished = (tenantId: string, token: number) =>
  until(`${tenantId} to be published`, 30_000, async () => (await stage.watermark(tenantId)) === token);

/** The tenants of the appends, in the order in which they were published. */
async function publications(): Promise<string[]> {
  const rows = await stage.dataSource.query<{ tenant_id: string }[]>(
    `SELECT tenant_id FROM snapshot WHERE operation = 'append' ORDER BY snapshot_id`,
  );
  return rows.map(({ tenant_id }) => tenant_id);
}

/** Writes an event of the tenant `small` while the first commit is under way. */
function meanwhile(): { engine: Pick<WriteEngine, 'writeParquet'>; written: () => number } {
  let token = 0;
  const engine = engineWith(async () => {
    if (token === 0) token = await stage.append('small', small, 'a');
  });
  return { engine, written: () => token };
}

describe('tenants of one coordinator', () => {
  it('wait for one file of another at most, however much that one has', async () => {
    const last = await fillHuge();
    const { engine, written } = meanwhile();
    run({ engine });
    await untilPublished('huge', last);
    await untilPublished('small', written());
    const order = await publications();
    expect(order.slice(0, 2)).toEqual(['huge', 'small']);
    expect(order.filter((tenant) => tenant === 'huge')).toHaveLength(FILES);
  });

  it('wait for one file at most in a process that did not see the earlier ones', async () => {
    const last = await fillHuge();
    await stage.coordinator({ targetRows: TARGET_ROWS }).runOnce(new AbortController().signal);
    const { engine, written } = meanwhile();
    run({ engine });
    await untilPublished('huge', last);
    await untilPublished('small', written());
    expect((await publications()).slice(0, 3)).toEqual(['huge', 'huge', 'small']);
  });

  it('are not held up by a commit that hangs while there is a slot', async () => {
    let release: () => void = () => undefined;
    const hanging = new Promise<void>((resolve) => (release = resolve));
    const last = await stage.append('huge', huge, 'x');
    run({
      writeConcurrency: 2,
      engine: engineWith((job) => ((job.expectedRows ?? 0) === 1 ? hanging : Promise.resolve())),
    });
    await until('the commit to hang', 30_000, async () => (await stage.openClaim('huge')) !== undefined);
    for (let n = 0; n < 3; n += 1) {
      await untilPublished('small', await stage.append('small', small, `${n}-a`, `${n}-b`));
    }
    expect(await stage.watermark('huge')).toBe(0);
    release();
    await untilPublished('huge', last);
  });
});

describe('several coordinators', () => {
  it('share tenants out: each range is claimed once, and none is left', async () => {
    const last = await fillHuge();
    const tokens = new Map<string, number>();
    for (let n = 0; n < 6; n += 1) {
      const tenant = `t-${n}`;
      await stage.createTenant(tenant);
      tokens.set(tenant, await stage.append(tenant, await stage.createTable(tenant, 'events'), 'a'));
    }
    for (let n = 0; n < 3; n += 1) run({});
    await untilPublished('huge', last);
    for (const [tenant, token] of tokens) await untilPublished(tenant, token);
    const attempts = await stage.dataSource.query<object[]>(
      `SELECT DISTINCT attempt, state FROM ingest_claim_batch WHERE state = 'acked'`,
    );
    expect(attempts).toEqual([{ attempt: 1, state: 'acked' }]);
    expect(await stage.ids(huge)).toHaveLength(FILES * TARGET_ROWS);
  });
});
