import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { chmod, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger } from '../../src/kernel/index.js';
import {
  FileCache,
  type CachedObject,
  type CallOptions,
  type ObjectDigest,
} from '../../src/modules/storage/index.js';
import { FilesystemObjectStore } from '../../src/modules/storage/object-store.filesystem.js';
import { makeTempFolder } from './temp-folder.js';

export const KIB = 1024;

/** A real store that counts its gets, and can hold them back. */
export class WatchedStore extends FilesystemObjectStore {
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

/** Caches in one folder over one store. */
export interface CacheStage {
  /** The cache is in `cache`, the objects are in `objects`. */
  readonly root: string;
  readonly store: WatchedStore;
  /** Of 100 KiB. */
  readonly cache: FileCache;
  /** Another one, which is closed with the stage. */
  openCache(maxBytes: number, freeBytes?: number): FileCache;
  /** An object of random content. */
  put(sizeBytes: number, key?: string): Promise<CachedObject>;
  /** Answers the path that the object had while it was held. */
  acquireAndRelease(object: CachedObject, from?: FileCache): Promise<string>;
  /** Paths of the files of the first cache. */
  filesOnDisk(): Promise<string[]>;
  objectPath(key: string): string;
  close(): Promise<void>;
}

export async function openCacheStage(): Promise<CacheStage> {
  const root = await makeTempFolder('file-cache');
  const store = new WatchedStore(join(root, 'objects'));
  await store.open();
  const caches: FileCache[] = [];
  const openCache = (maxBytes: number, freeBytes = Number.MAX_SAFE_INTEGER): FileCache => {
    const options = { directory: join(root, 'cache'), maxBytes, freeBytes: () => Promise.resolve(freeBytes) };
    const opened = new FileCache(store, options, createLogger('silent'));
    caches.push(opened);
    return opened;
  };
  const cache = openCache(100 * KIB);
  return {
    root,
    store,
    cache,
    openCache,
    put: async (sizeBytes, key = `t/1/${randomUUID()}`) => {
      const content = randomBytes(sizeBytes);
      const path = join(root, randomUUID());
      await writeFile(path, content);
      const sha256 = createHash('sha256').update(content).digest('hex');
      await store.putFile(key, path, { sha256 });
      return { key, sizeBytes, sha256 };
    },
    acquireAndRelease: async (object, from = cache) => {
      const lease = await from.acquire(object);
      lease.release();
      return lease.path;
    },
    filesOnDisk: async () => {
      const folder = join(root, 'cache', '0', 'files');
      return (await readdir(folder)).map((name) => join(folder, name));
    },
    objectPath: (key) => join(root, 'objects', key),
    close: async () => {
      for (const opened of caches) await opened.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

export const sha256Of = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

/** As a fault of the disk, or a hand, would change an object that nobody can change. */
export async function damage(path: string): Promise<void> {
  const content = await readFile(path);
  content[0] = (content[0] ?? 0) ^ 0xff;
  await chmod(path, 0o644);
  await writeFile(path, content);
}

export async function truncateReadOnly(path: string): Promise<void> {
  await chmod(path, 0o644);
  await truncate(path, 10);
}
