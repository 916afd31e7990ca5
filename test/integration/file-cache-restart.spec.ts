import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileCache } from '../../src/modules/storage/index.js';
import {
  damage,
  KIB,
  openCacheStage,
  sha256Of,
  truncateReadOnly,
  type CacheStage,
  type WatchedStore,
} from '../support/cache-stage.js';

let stage: CacheStage;
let cache: FileCache;
let store: WatchedStore;
beforeEach(async () => {
  stage = await openCacheStage();
  ({ cache, store } = stage);
});
afterEach(() => stage.close());

describe('FileCache after a restart', () => {
  it.each(['clean', 'unclean'])('answers from the disk after a %s end', async (end) => {
    const objects = [await stage.put(KIB), await stage.put(2 * KIB)];
    for (const object of objects) await stage.acquireAndRelease(object);
    if (end === 'clean') await cache.close();
    const next = stage.openCache(100 * KIB);
    for (const object of objects) {
      expect(await sha256Of(await stage.acquireAndRelease(object, next))).toBe(object.sha256);
    }
    expect(store.gets).toHaveLength(2);
  });

  it('fetches damaged and short files again', async () => {
    const [whole, damaged, short] = [await stage.put(KIB), await stage.put(KIB), await stage.put(KIB)];
    await stage.acquireAndRelease(whole);
    await damage(await stage.acquireAndRelease(damaged));
    await truncateReadOnly(await stage.acquireAndRelease(short));
    await cache.close();
    store.gets.length = 0;
    const next = stage.openCache(100 * KIB);
    for (const object of [whole, damaged, short]) {
      expect(await sha256Of(await stage.acquireAndRelease(object, next))).toBe(object.sha256);
    }
    expect(store.gets).toEqual([damaged.key, short.key]);
  });

  it('removes half fetches and files that are not its own', async () => {
    const object = await stage.put(KIB);
    const path = await stage.acquireAndRelease(object);
    await cache.close();
    await writeFile(join(stage.root, 'cache', '0', 'incoming', `${'d'.repeat(64)}.00000000`), 'half');
    await writeFile(join(stage.root, 'cache', '0', 'files', 'stray'), 'stray');
    await mkdir(join(stage.root, 'cache', '0', 'files', 'folder'));
    await stage.acquireAndRelease(object, stage.openCache(100 * KIB));
    expect(await stage.filesOnDisk()).toEqual([path]);
    expect(await readdir(join(stage.root, 'cache', '0', 'incoming'))).toEqual([]);
  });

  it('removes the oldest first, and keeps to a smaller bound', async () => {
    const objects = [await stage.put(40 * KIB), await stage.put(30 * KIB), await stage.put(30 * KIB)];
    for (const [i, object] of objects.entries()) {
      await utimes(await stage.acquireAndRelease(object), 1_000_000 - i, 1_000_000 - i);
    }
    await cache.close();
    const next = stage.openCache(80 * KIB);
    await stage.acquireAndRelease(await stage.put(35 * KIB), next);
    await next.close();
    const left = await Promise.all(
      (await stage.filesOnDisk()).map(async (path) => (await stat(path)).size / KIB),
    );
    expect(left.sort()).toEqual([35, 40]);
  });

  it('leaves the folder of a living process alone', async () => {
    const object = await stage.put(KIB);
    await stage.acquireAndRelease(object);
    // The parent process lives as long as this test does.
    await writeFile(join(stage.root, 'cache', '0', 'owner'), String(process.ppid));
    const path = await stage.acquireAndRelease(object, stage.openCache(100 * KIB));
    expect(path).toContain(join('cache', '1', 'files'));
    expect(await stage.filesOnDisk()).toHaveLength(1);
  });

  it('takes over the folder of a dead process', async () => {
    const object = await stage.put(KIB);
    const path = await stage.acquireAndRelease(object);
    await writeFile(join(stage.root, 'cache', '0', 'owner'), '2147483646');
    expect(await stage.acquireAndRelease(object, stage.openCache(100 * KIB))).toBe(path);
  });
});
