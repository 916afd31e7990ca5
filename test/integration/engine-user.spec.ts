import { mkdir, chmod, rm } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { unprivilegedUser } from '../../src/modules/engine/child-user.js';
import { DuckDbQueryEngine } from '../../src/modules/engine/query-engine.duckdb.js';
import { reachableCacheDir } from '../../src/modules/storage/cache-placement.js';
import { engineChildrenDir, silentLogger } from '../support/engine.js';
import { makeTempFolder } from '../support/temp-folder.js';

const isRoot = process.getuid?.() === 0;
if (!isRoot)
  console.warn('engine-user.spec: only root can make children another user; that part does not run');

(isRoot ? describe : describe.skip)('as root', () => {
  it('runs what meets tenants’ SQL as nobody', async () => {
    const engine = new DuckDbQueryEngine({
      concurrency: 1,
      memoryBytes: 256 * 1024 * 1024,
      threads: 1,
      logger: silentLogger,
      childrenDir: engineChildrenDir(),
    });
    try {
      await engine.warm();
      const users = execFileSync('ps', ['-o', 'uid=,args=', '--ppid', String(process.pid)], {
        encoding: 'utf8',
      })
        .split('\n')
        .filter((line) => /(gate|query)-child\.js/.test(line))
        .map((line) => Number(line.trim().split(/\s+/)[0]));
      expect(users.length).toBeGreaterThanOrEqual(2);
      expect(new Set(users)).toEqual(new Set([unprivilegedUser()?.uid]));
    } finally {
      await engine.close();
    }
  });

  it('keeps the cache where that user can read it', async () => {
    const root = await makeTempFolder('cache-placement');
    try {
      const home = join(root, 'home');
      await mkdir(home);
      expect(await reachableCacheDir(join(home, 'data', 'cache'))).toBe(join(home, 'data', 'cache'));
      await chmod(home, 0o700);
      expect(await reachableCacheDir(join(home, 'data', 'cache'))).toMatch(
        /^\/var\/lib\/tidemark\/cache-[0-9a-f]{12}$/,
      );
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
