import { randomBytes, randomUUID } from 'node:crypto';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CachedObject, type FileCache, FileCacheFullError } from '../../src/modules/storage/index.js';
import {
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

describe('FileCache', () => {
  it('gives a read-only file with the content, in a folder that nobody else can list', async () => {
    const object = await stage.put(10 * KIB);
    const lease = await cache.acquire(object);
    const { path } = lease;
    expect(await sha256Of(path)).toBe(object.sha256);
    expect((await stat(path)).mode & 0o777).toBe(0o444);
    expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o711);
    lease.release();
  });

  it('fetches once, and answers from the disk from then on', async () => {
    const object = await stage.put(KIB);
    const path = await stage.acquireAndRelease(object);
    expect(await stage.acquireAndRelease(object)).toBe(path);
    expect(store.gets).toEqual([object.key]);
  });

  describe('that is offered a file', () => {
    const offered = async (sizeBytes: number): Promise<{ object: CachedObject; path: string }> => {
      const object = await stage.put(sizeBytes);
      const path = join(stage.root, randomUUID());
      await writeFile(path, await readFile(stage.objectPath(object.key)));
      return { object, path };
    };

    it('answers with it, and fetches nothing', async () => {
      const first = await stage.put(KIB);
      await stage.acquireAndRelease(first);
      const { object, path } = await offered(2 * KIB);
      await cache.offer(object, path);
      const lease = await cache.acquire(object);
      expect(await sha256Of(lease.path)).toBe(object.sha256);
      expect((await stat(lease.path)).mode & 0o777).toBe(0o444);
      lease.release();
      await cache.offer(object, path);
      expect(store.gets).toEqual([first.key]);
      expect(await stage.filesOnDisk()).toHaveLength(2);
    });

    it('leaves it alone where nobody reads by the cache, or it has no room', async () => {
      const { object, path } = await offered(KIB);
      await cache.offer(object, path);
      expect(await sha256Of(path)).toBe(object.sha256);
      await stage.acquireAndRelease(await stage.put(KIB));
      const large = await offered(101 * KIB);
      await cache.offer(large.object, large.path);
      expect(await sha256Of(large.path)).toBe(large.object.sha256);
    });

    it('fetches for those who wait where the file cannot be moved', async () => {
      await stage.acquireAndRelease(await stage.put(KIB));
      const { object, path } = await offered(KIB);
      await rm(path);
      const offering = cache.offer(object, path);
      const lease = await cache.acquire(object);
      await offering;
      expect(await sha256Of(lease.path)).toBe(object.sha256);
      lease.release();
    });
  });

  it('removes what was used the longest ago, when it needs the room', async () => {
    const [a, b, c, d] = [
      await stage.put(40 * KIB),
      await stage.put(40 * KIB),
      await stage.put(20 * KIB),
      await stage.put(30 * KIB),
    ];
    for (const object of [a, b, c, a]) await stage.acquireAndRelease(object);
    const path = await stage.acquireAndRelease(d);
    store.gets.length = 0;
    for (const object of [a, c, d]) await stage.acquireAndRelease(object);
    expect(store.gets).toEqual([]);
    expect(await stage.filesOnDisk()).toContain(path);
    expect(await stage.filesOnDisk()).toHaveLength(3);
    await stage.acquireAndRelease(b);
    expect(store.gets).toEqual([b.key]);
  });

  it('never removes a file in use, and refuses what then has no room', async () => {
    const [a, b, c] = [await stage.put(60 * KIB), await stage.put(30 * KIB), await stage.put(50 * KIB)];
    const first = await cache.acquire(a);
    const again = await cache.acquire(a);
    await stage.acquireAndRelease(b);
    const refused = await cache.acquire(c).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FileCacheFullError);
    expect(refused).toMatchObject({ code: 'SERVER_BUSY', neededBytes: 50 * KIB, maxBytes: 100 * KIB });
    expect(await sha256Of(first.path)).toBe(a.sha256);
    first.release();
    first.release();
    await expect(cache.acquire(c)).rejects.toBeInstanceOf(FileCacheFullError);
    again.release();
    expect(await sha256Of(await stage.acquireAndRelease(c))).toBe(c.sha256);
    expect(await stage.filesOnDisk()).toHaveLength(2);
  });

  it('keeps what it has when a file cannot have room even so', async () => {
    const [used, unused] = [await stage.put(40 * KIB), await stage.put(30 * KIB)];
    const lease = await cache.acquire(used);
    await stage.acquireAndRelease(unused);
    // One is larger than the cache, the other than what the file in use leaves.
    for (const sizeBytes of [101 * KIB, 61 * KIB])
      await expect(cache.acquire(await stage.put(sizeBytes))).rejects.toBeInstanceOf(FileCacheFullError);
    lease.release();
    store.gets.length = 0;
    for (const object of [used, unused]) await stage.acquireAndRelease(object);
    expect(store.gets).toEqual([]);
  });

  it('keeps within half of what it could fill the disk with', async () => {
    const small = stage.openCache(100 * KIB, 30 * KIB);
    expect(await small.limitBytes()).toBe(15 * KIB);
    await expect(small.acquire(await stage.put(16 * KIB))).rejects.toBeInstanceOf(FileCacheFullError);
    await stage.acquireAndRelease(await stage.put(14 * KIB), small);
    expect(await small.limitBytes()).toBe(22 * KIB);
  });

  it('refuses another size for content that it has', async () => {
    const object = await stage.put(KIB);
    await stage.acquireAndRelease(object);
    const asked = cache.acquire({ ...object, sizeBytes: 5 });
    await expect(asked).rejects.toMatchObject({ code: 'INTEGRITY_CHECK_FAILED' });
    await stage.acquireAndRelease(object);
    expect(store.gets).toHaveLength(1);
  });

  it('fetches again what somebody took away', async () => {
    const object = await stage.put(KIB);
    await rm(await stage.acquireAndRelease(object));
    expect(await sha256Of(await stage.acquireAndRelease(object))).toBe(object.sha256);
    await truncateReadOnly(await stage.acquireAndRelease(object));
    expect(await sha256Of(await stage.acquireAndRelease(object))).toBe(object.sha256);
    expect(store.gets).toHaveLength(3);
  });

  it.each(['', '../../etc/passwd', 'A'.repeat(64), 'a'.repeat(63)])(
    'refuses %p as a SHA-256',
    async (sha256) => {
      await expect(cache.acquire({ key: 't/1/x', sizeBytes: 1, sha256 })).rejects.toBeInstanceOf(TypeError);
    },
  );

  it('stays within its bound and gives only right files under random use', async () => {
    const objects = await Promise.all(Array.from({ length: 20 }, (_, i) => stage.put((5 + i) * KIB)));
    const seed = Number(randomBytes(4).readUInt32LE());
    console.info(`file cache seed ${seed}`);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const user = async () => {
      for (let turn = 0; turn < 60; turn += 1) {
        const object = objects[random(objects.length)] ?? objects[0]!;
        const caller = new AbortController();
        const asked = cache.acquire(object, { signal: caller.signal });
        if (random(5) === 0) caller.abort(new Error('the caller went away'));
        try {
          const lease = await asked;
          expect(await sha256Of(lease.path)).toBe(object.sha256);
          lease.release();
        } catch (error) {
          if (!(error instanceof FileCacheFullError)) expect(String(error)).toContain('the caller went away');
        }
      }
    };
    await Promise.all(Array.from({ length: 6 }, user));
    await cache.close();
    const sizes = await Promise.all((await stage.filesOnDisk()).map(async (path) => (await stat(path)).size));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(total).toBeLessThanOrEqual(100 * KIB);
    expect((cache as unknown as { usedBytes: number }).usedBytes).toBe(total);
  });
});
