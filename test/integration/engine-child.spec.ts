import { EngineChild } from '../../src/modules/engine/engine-child.js';
import { EngineFailure, type QueryJob } from '../../src/modules/engine/index.js';
import { fromPs, residentBytes } from '../../src/modules/engine/resident-memory.js';
import { engineChildrenDir } from '../support/engine.js';

const MIB = 1024 * 1024;

const start = (rssLimitBytes: number) =>
  EngineChild.start({
    name: 'query-child',
    heapMib: 128,
    childrenDir: engineChildrenDir(),
    rssLimitBytes,
    setup: { threads: 2, memoryLimitBytes: 8192 * MIB, tempDirectory: null, maxTempBytes: 0 },
  });

const job = (sql: string): QueryJob => ({
  tenantId: 'acme',
  sql,
  params: [],
  tables: [],
  rowLimit: 10,
  maxBytes: MIB,
  timeoutMs: 60_000,
});

describe('a child without a limit on its address space', () => {
  it('is killed when it uses more resident memory than it may', async () => {
    const child = await start(400 * MIB);
    expect(child.limited).toBe(false);
    await expect(child.request(job('SELECT 1'))).resolves.toMatchObject({ frames: 1 });
    const failure: unknown = await child
      .request(job('SELECT count(*) FROM (SELECT i, count(*) FROM range(60000000) r(i) GROUP BY i)'))
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EngineFailure);
    expect((failure as EngineFailure).reason).toBe('memory');
    expect(child.alive).toBe(false);
    await child.close();
  });
});

describe('residentBytes', () => {
  it('knows this process, and no process that is not there', async () => {
    expect(await residentBytes(process.pid)).toBeGreaterThan(20 * MIB);
    expect(await residentBytes(2 ** 30)).toBeUndefined();
  });

  it('has a way without /proc', async () => {
    expect(await fromPs(process.pid)).toBeGreaterThan(20 * 1024);
    expect(await fromPs(2 ** 30)).toBeUndefined();
  });
});
