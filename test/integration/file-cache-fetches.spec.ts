import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileCache, ObjectNotFoundError } from '../../src/modules/storage/index.js';
import {
  damage,
  KIB,
  openCacheStage,
  sha256Of,
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

describe('the fetches of FileCache', () => {
  it('fetches once for all who ask at the same time', async () => {
    const object = await stage.put(KIB);
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
    const objects = await Promise.all(Array.from({ length: 30 }, () => stage.put(KIB)));
    const leases = await Promise.all(objects.map((object) => cache.acquire(object)));
    for (const [i, lease] of leases.entries()) expect(await sha256Of(lease.path)).toBe(objects[i]?.sha256);
    expect(store.mostAtOnce).toBeGreaterThan(1);
    expect(store.mostAtOnce).toBeLessThanOrEqual(8);
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
    expect(await stage.filesOnDisk()).toEqual([]);
  });

  it.each(['sha256', 'sizeBytes'] as const)(
    'refuses an object with another %s, after a second try',
    async (field) => {
      const object = await stage.put(KIB);
      const other = {
        ...object,
        ...(field === 'sha256' ? { sha256: 'c'.repeat(64) } : { sizeBytes: KIB + 1 }),
      };
      await expect(cache.acquire(other)).rejects.toMatchObject({ code: 'INTEGRITY_CHECK_FAILED' });
      expect(store.gets).toHaveLength(2);
      expect(await stage.filesOnDisk()).toEqual([]);
      expect(await readdir(join(stage.root, 'cache', '0', 'incoming'))).toEqual([]);
    },
  );

  it('recovers when only the first try was damaged', async () => {
    const object = await stage.put(KIB);
    const content = await readFile(stage.objectPath(object.key));
    await damage(stage.objectPath(object.key));
    const letGo = store.hold();
    const asked = cache.acquire(object);
    await store.arrival();
    const second = store.arrival().then(() => writeFile(stage.objectPath(object.key), content));
    letGo();
    // The second get is held until the object is whole again.
    const release = store.hold();
    await second;
    release();
    expect(await sha256Of((await asked).path)).toBe(object.sha256);
    expect(store.gets).toHaveLength(2);
  });

  it('lets one who waits go, and goes on for the others', async () => {
    const object = await stage.put(KIB);
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
    const object = await stage.put(60 * KIB);
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
    expect(await stage.filesOnDisk()).toHaveLength(1);
  });

  it('does nothing for a caller who has gone', async () => {
    const signal = AbortSignal.abort(new Error('the caller went away'));
    await expect(cache.acquire(await stage.put(KIB), { signal })).rejects.toThrow('the caller went away');
    expect(store.gets).toEqual([]);
  });

  it('ends what is under way when it is closed, and takes nothing more', async () => {
    const object = await stage.put(KIB);
    const letGo = store.hold();
    const asked = cache.acquire(object);
    await store.arrival();
    const closing = cache.close();
    letGo();
    await expect(asked).rejects.toThrow('closed');
    await closing;
    await expect(cache.acquire(object)).rejects.toThrow('closed');
    expect(await stage.filesOnDisk()).toEqual([]);
  });

  it('counts back the room of fetches that failed', async () => {
    const missing = { key: 't/1/none', sizeBytes: 90 * KIB, sha256: 'a'.repeat(64) };
    for (let i = 0; i < 3; i += 1)
      await expect(cache.acquire(missing)).rejects.toBeInstanceOf(ObjectNotFoundError);
    await stage.acquireAndRelease(await stage.put(100 * KIB));
  });
});
