import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger } from '../../src/kernel/index.js';
import {
  FileCache,
  FileCacheFullError,
  ObjectNotFoundError,
  type CachedObject,
  type CallOptions,
  type ObjectDigest,
} from '../../src/modules/storage/index.js';
import { FilesystemObjectStore } from '../../src/modules/storage/object-store.filesystem.js';
import { makeTempFolder } from '../support/temp-folder.js';

const KIB = 1024;

/** A real store that counts its gets, and can hold them back. */
class WatchedStore extends FilesystemObjectStore {
  readonly gets: string[] = [];
  /** How many gets ran at once at most. */
  mostAtOnce = 0;
  private atOnce = 0;
  private gate: Promise<void> = Promise.resolve();
  private readonly arrivals: (() => void)[] = [];

  /** Holds all gets back until the answer is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gate = promise;
    return resolve;
  }

  /** Resolves when the next get has come. */
  arrival(): Promise<void> {
    return new Promise((resolve) => this.arrivals.push(resolve));
  }

  override async getToFile(key: string, path: string, options: CallOptions = {}): Promise<ObjectDigest> {
    this.gets.push(key);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    for (const arrived of this.arrivals.splice(0)) arrived();
    try {
      await this.gate;
      return await super.getToFile(key, path, options);
    } finally {
      this.atOnce -= 1;
    }
  }
}

describe('FileCache', () => {
  let root: string;
  let store: WatchedStore;
  let cache: FileCache;
  const caches: FileCache[] = [];

  const openCache = (maxBytes: number, freeBytes = Number.MAX_SAFE_INTEGER): FileCache => {
    const options = { directory: join(root, 'cache'), maxBytes, freeBytes: () => Promise.resolve(freeBytes) };
    const opened = new FileCache(store, options, createLogger('silent'));
    caches.push(opened);
    return opened;
  };

  beforeEach(async () => {
    root = await makeTempFolder('file-cache');
    store = new WatchedStore(join(root, 'objects'));
    await store.open();
    cache = openCache(100 * KIB);
  });
  afterEach(async () => {
    for (const opened of caches.splice(0)) await opened.close();
    await rm(root, { recursive: true, force: true });
  });

  const put = async (sizeBytes: number, key = `t/1/${randomUUID()}`): Promise<CachedObject> => {
    const content = randomBytes(sizeBytes);
    const path = join(root, randomUUID());
    await writeFile(path, content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    await store.putFile(key, path, { sha256 });
    return { key, sizeBytes, sha256 };
  };
  const filesOnDisk = async (): Promise<string[]> => {
    const folder = join(root, 'cache', '0', 'files');
    return (await readdir(folder)).map((name) => join(folder, name));
  };
  const sha256Of = async (path: string) =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  const acquireAndRelease = async (object: CachedObject, from = cache): Promise<string> => {
    const lease = await from.acquire(object);
    lease.release();
    return lease.path;
  };
  /** As a fault of the disk, or a hand, would change an object that nobody can change. */
  const damage = async (path: string): Promise<void> => {
    const content = await readFile(path);
    content[0] = (content[0] ?? 0) ^ 0xff;
    await chmod(path, 0o644);
    await writeFile(path, content);
  };
  const objectPath = (key: string) => join(root, 'objects', key);

  it('gives a read-only file with the content, in a folder that nobody else can list', async () => {
    const object = await put(10 * KIB);
    const lease = await cache.acquire(object);
    const { path } = lease;
    expect(await sha256Of(path)).toBe(object.sha256);
    expect((await stat(path)).mode & 0o777).toBe(0o444);
    expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o711);
    lease.release();
  });

  it('fetches once, and answers from the disk from then on', async () => {
    const object = await put(KIB);
    const path = await acquireAndRelease(object);
    expect(await acquireAndRelease(object)).toBe(path);
    expect(store.gets).toEqual([object.key]);
  });

  describe('that is offered a file', () => {
    const offered = async (sizeBytes: number): Promise<{ object: CachedObject; path: string }> => {
      const object = await put(sizeBytes);
      const path = join(root, randomUUID());
      await writeFile(path, await readFile(objectPath(object.key)));
      return { object, path };
    };

    it('answers with it, and fetches nothing', async () => {
      const first = await put(KIB);
      await acquireAndRelease(first);
      const { object, path } = await offered(2 * KIB);
      await cache.offer(object, path);
      const lease = await cache.acquire(object);
      expect(await sha256Of(lease.path)).toBe(object.sha256);
      expect((await stat(lease.path)).mode & 0o777).toBe(0o444);
      lease.release();
      await cache.offer(object, path);
      expect(store.gets).toEqual([first.key]);
      expect(await filesOnDisk()).toHaveLength(2);
    });

    it('leaves it alone where nobody reads by the cache, or it has no room', async () => {
      const { object, path } = await offered(KIB);
      await cache.offer(object, path);
      expect(await sha256Of(path)).toBe(object.sha256);
      await acquireAndRelease(await put(KIB));
      const large = await offered(101 * KIB);
      await cache.offer(large.object, large.path);
      expect(await sha256Of(large.path)).toBe(large.object.sha256);
    });

    it('fetches for those who wait where the file cannot be moved', async () => {
      await acquireAndRelease(await put(KIB));
      const { object, path } = await offered(KIB);
      await rm(path);
      const offering = cache.offer(object, path);
      const lease = await cache.acquire(object);
      await offering;
      expect(await sha256Of(lease.path)).toBe(object.sha256);
      lease.release();
    });
  });

  it('fetches once for all who ask at the same time', async () => {
    const object = await put(KIB);
    const letGo = store.hold();
    const asked = Array.from({ length: 50 }, () => cache.acquire(object));
    await store.arrival();
    letGo();
    const leases = await Promise.all(asked);
    expect(new Set(leases.map((lease) => lease.path)).size).toBe(1);
    expect(store.gets).toEqual([object.key]);
    for (const lease of leases) lease.release();
  });

  it('fetches a few objects at once, not all', async () => {
    const objects = await Promise.all(Array.from({ length: 30 }, () => put(KIB)));
    const leases = await Promise.all(objects.map((object) => cache.acquire(object)));
    for (const [i, lease] of leases.entries()) expect(await sha256Of(lease.path)).toBe(objects[i]?.sha256);
    expect(store.mostAtOnce).toBeGreaterThan(1);
    expect(store.mostAtOnce).toBeLessThanOrEqual(8);
  });

  it('removes what was used the longest ago, when it needs the room', async () => {
    const [a, b, c, d] = [await put(40 * KIB), await put(40 * KIB), await put(20 * KIB), await put(30 * KIB)];
    for (const object of [a, b, c, a]) await acquireAndRelease(object);
    const path = await acquireAndRelease(d);
    store.gets.length = 0;
    for (const object of [a, c, d]) await acquireAndRelease(object);
    expect(store.gets).toEqual([]);
    expect(await filesOnDisk()).toContain(path);
    expect(await filesOnDisk()).toHaveLength(3);
    await acquireAndRelease(b);
    expect(store.gets).toEqual([b.key]);
  });

  it('never removes a file in use, and refuses what then has no room', async () => {
    const [a, b, c] = [await put(60 * KIB), await put(30 * KIB), await put(50 * KIB)];
    const first = await cache.acquire(a);
    const again = await cache.acquire(a);
    await acquireAndRelease(b);
    const refused = await cache.acquire(c).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FileCacheFullError);
    expect(refused).toMatchObject({ code: 'SERVER_BUSY', neededBytes: 50 * KIB, maxBytes: 100 * KIB });
    expect(await sha256Of(first.path)).toBe(a.sha256);
    first.release();
    first.release();
    await expect(cache.acquire(c)).rejects.toBeInstanceOf(FileCacheFullError);
    again.release();
    expect(await sha256Of(await acquireAndRelease(c))).toBe(c.sha256);
    expect(await filesOnDisk()).toHaveLength(2);
  });

  it('keeps what it has when a file cannot have room even so', async () => {
    const [used, unused] = [await put(40 * KIB), await put(30 * KIB)];
    const lease = await cache.acquire(used);
    await acquireAndRelease(unused);
    // One is larger than the cache, the other than what the file in use leaves.
    for (const sizeBytes of [101 * KIB, 61 * KIB])
      await expect(cache.acquire(await put(sizeBytes))).rejects.toBeInstanceOf(FileCacheFullError);
    lease.release();
    store.gets.length = 0;
    for (const object of [used, unused]) await acquireAndRelease(object);
    expect(store.gets).toEqual([]);
  });

  it('keeps within half of what it could fill the disk with', async () => {
    const small = openCache(100 * KIB, 30 * KIB);
    expect(await small.limitBytes()).toBe(15 * KIB);
    await expect(small.acquire(await put(16 * KIB))).rejects.toBeInstanceOf(FileCacheFullError);
    await acquireAndRelease(await put(14 * KIB), small);
    expect(await small.limitBytes()).toBe(22 * KIB);
  });

  it('counts back the room of fetches that failed', async () => {
    const missing = { key: 't/1/none', sizeBytes: 90 * KIB, sha256: 'a'.repeat(64) };
    for (let i = 0; i < 3; i += 1)
      await expect(cache.acquire(missing)).rejects.toBeInstanceOf(ObjectNotFoundError);
    await acquireAndRelease(await put(100 * KIB));
  });

  it('says which object is missing, to all who asked', async () => {
    const object = { key: 't/1/none', sizeBytes: 1, sha256: 'b'.repeat(64) };
    const results = await Promise.allSettled([cache.acquire(object), cache.acquire(object)]);
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { name: 'ObjectNotFoundError', key: 't/1/none' },
      });
    }
    expect(await filesOnDisk()).toEqual([]);
  });

  it.each(['sha256', 'sizeBytes'] as const)(
    'refuses an object with another %s, after a second try',
    async (field) => {
      const object = await put(KIB);
      const other = {
        ...object,
        ...(field === 'sha256' ? { sha256: 'c'.repeat(64) } : { sizeBytes: KIB + 1 }),
      };
      await expect(cache.acquire(other)).rejects.toMatchObject({ code: 'INTEGRITY_CHECK_FAILED' });
      expect(store.gets).toHaveLength(2);
      expect(await filesOnDisk()).toEqual([]);
      expect(await readdir(join(root, 'cache', '0', 'incoming'))).toEqual([]);
    },
  );

  it('recovers when only the first try was damaged', async () => {
    const object = await put(KIB);
    const content = await readFile(objectPath(object.key));
    await damage(objectPath(object.key));
    const letGo = store.hold();
    const asked = cache.acquire(object);
    await store.arrival();
    const second = store.arrival().then(() => writeFile(objectPath(object.key), content));
    letGo();
    // The second get is held until the object is whole again.
    const release = store.hold();
    await second;
    release();
    expect(await sha256Of((await asked).path)).toBe(object.sha256);
    expect(store.gets).toHaveLength(2);
  });

  it('refuses another size for content that it has', async () => {
    const object = await put(KIB);
    await acquireAndRelease(object);
    const asked = cache.acquire({ ...object, sizeBytes: 5 });
    await expect(asked).rejects.toMatchObject({ code: 'INTEGRITY_CHECK_FAILED' });
    await acquireAndRelease(object);
    expect(store.gets).toHaveLength(1);
  });

  it('fetches again what somebody took away', async () => {
    const object = await put(KIB);
    await rm(await acquireAndRelease(object));
    expect(await sha256Of(await acquireAndRelease(object))).toBe(object.sha256);
    await truncateReadOnly(await acquireAndRelease(object));
    expect(await sha256Of(await acquireAndRelease(object))).toBe(object.sha256);
    expect(store.gets).toHaveLength(3);
  });

  it('lets one who waits go, and goes on for the others', async () => {
    const object = await put(KIB);
    const letGo = store.hold();
    const leaving = new AbortController();
    const left = cache.acquire(object, { signal: leaving.signal });
    const stays = cache.acquire(object);
    await store.arrival();
    leaving.abort(new Error('the caller went away'));
    await expect(left).rejects.toThrow('the caller went away');
    letGo();
    expect(await sha256Of((await stays).path)).toBe(object.sha256);
    expect(store.gets).toHaveLength(1);
  });

  it('aborts a fetch that nobody waits for, and fetches anew for who comes then', async () => {
    const object = await put(60 * KIB);
    const letGo = store.hold();
    const leaving = new AbortController();
    const left = cache.acquire(object, { signal: leaving.signal });
    await store.arrival();
    leaving.abort(new Error('the caller went away'));
    await expect(left).rejects.toThrow('the caller went away');
    letGo();
    // Both would not fit: the room of the one that was left is free already.
    const lease = await cache.acquire(object);
    expect(await sha256Of(lease.path)).toBe(object.sha256);
    expect(store.gets).toHaveLength(2);
    expect(await filesOnDisk()).toHaveLength(1);
  });

  it('does nothing for a caller who has gone', async () => {
    const signal = AbortSignal.abort(new Error('the caller went away'));
    await expect(cache.acquire(await put(KIB), { signal })).rejects.toThrow('the caller went away');
    expect(store.gets).toEqual([]);
  });

  it.each(['', '../../etc/passwd', 'A'.repeat(64), 'a'.repeat(63)])(
    'refuses %p as a SHA-256',
    async (sha256) => {
      await expect(cache.acquire({ key: 't/1/x', sizeBytes: 1, sha256 })).rejects.toBeInstanceOf(TypeError);
    },
  );

  describe('after a restart', () => {
    it.each(['clean', 'unclean'])('answers from the disk after a %s end', async (end) => {
      const objects = [await put(KIB), await put(2 * KIB)];
      for (const object of objects) await acquireAndRelease(object);
      if (end === 'clean') await cache.close();
      const next = openCache(100 * KIB);
      for (const object of objects) {
        expect(await sha256Of(await acquireAndRelease(object, next))).toBe(object.sha256);
      }
      expect(store.gets).toHaveLength(2);
    });

    it('fetches damaged and short files again', async () => {
      const [whole, damaged, short] = [await put(KIB), await put(KIB), await put(KIB)];
      await acquireAndRelease(whole);
      await damage(await acquireAndRelease(damaged));
      await truncateReadOnly(await acquireAndRelease(short));
      await cache.close();
      store.gets.length = 0;
      const next = openCache(100 * KIB);
      for (const object of [whole, damaged, short]) {
        expect(await sha256Of(await acquireAndRelease(object, next))).toBe(object.sha256);
      }
      expect(store.gets).toEqual([damaged.key, short.key]);
    });

    it('removes half fetches and files that are not its own', async () => {
      const object = await put(KIB);
      const path = await acquireAndRelease(object);
      await cache.close();
      await writeFile(join(root, 'cache', '0', 'incoming', `${'d'.repeat(64)}.00000000`), 'half');
      await writeFile(join(root, 'cache', '0', 'files', 'stray'), 'stray');
      await mkdir(join(root, 'cache', '0', 'files', 'folder'));
      await acquireAndRelease(object, openCache(100 * KIB));
      expect(await filesOnDisk()).toEqual([path]);
      expect(await readdir(join(root, 'cache', '0', 'incoming'))).toEqual([]);
    });

    it('removes the oldest first, and keeps to a smaller bound', async () => {
      const objects = [await put(40 * KIB), await put(30 * KIB), await put(30 * KIB)];
      for (const [i, object] of objects.entries()) {
        await utimes(await acquireAndRelease(object), 1_000_000 - i, 1_000_000 - i);
      }
      await cache.close();
      const next = openCache(80 * KIB);
      await acquireAndRelease(await put(35 * KIB), next);
      await next.close();
      const left = await Promise.all(
        (await filesOnDisk()).map(async (path) => (await stat(path)).size / KIB),
      );
      expect(left.sort()).toEqual([35, 40]);
    });

    it('leaves the folder of a living process alone', async () => {
      const object = await put(KIB);
      await acquireAndRelease(object);
      // The parent process lives as long as this test does.
      await writeFile(join(root, 'cache', '0', 'owner'), String(process.ppid));
      const path = await acquireAndRelease(object, openCache(100 * KIB));
      expect(path).toContain(join('cache', '1', 'files'));
      expect(await filesOnDisk()).toHaveLength(1);
    });

    it('takes over the folder of a dead process', async () => {
      const object = await put(KIB);
      const path = await acquireAndRelease(object);
      await writeFile(join(root, 'cache', '0', 'owner'), '2147483646');
      expect(await acquireAndRelease(object, openCache(100 * KIB))).toBe(path);
    });
  });

  it('ends what is under way when it is closed, and takes nothing more', async () => {
    const object = await put(KIB);
    const letGo = store.hold();
    const asked = cache.acquire(object);
    await store.arrival();
    const closing = cache.close();
    letGo();
    await expect(asked).rejects.toThrow('closed');
    await closing;
    await expect(cache.acquire(object)).rejects.toThrow('closed');
    expect(await filesOnDisk()).toEqual([]);
  });

  it('stays within its bound and gives only right files under random use', async () => {
    const objects = await Promise.all(Array.from({ length: 20 }, (_, i) => put((5 + i) * KIB)));
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
    const sizes = await Promise.all((await filesOnDisk()).map(async (path) => (await stat(path)).size));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(total).toBeLessThanOrEqual(100 * KIB);
    expect((cache as unknown as { usedBytes: number }).usedBytes).toBe(total);
  });
});

async function truncateReadOnly(path: string): Promise<void> {
  await chmod(path, 0o644);
  await truncate(path, 10);
}
