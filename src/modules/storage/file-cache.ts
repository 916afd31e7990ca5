import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { bulkhead } from 'cockatiel';
import type { Logger } from '../../kernel/index.js';
import { abortable } from './abortable.js';
import { claimCacheFolder, releaseCacheFolder } from './cache-folder.js';
import { digestFile, errnoOf } from './local-file.js';
import type { CallOptions, ObjectDigest, ObjectStore } from './object-store.js';
import { assertDigest, FileCacheFullError } from './storage.errors.js';

/** An object as the catalog knows it. */
export interface CachedObject extends ObjectDigest {
  readonly key: string;
}

/** The file stays where it is, unchanged, until it is released. */
export interface CacheLease {
  readonly path: string;
  /** Further calls do nothing. */
  release(): void;
}

export interface FileCacheOptions {
  /** Absolute path of a folder that is the cache's alone; made when missing. */
  readonly directory: string;
  readonly maxBytes: number;
  /** Bytes free on the disk of a path; the operating system's answer when absent. */
  readonly freeBytes?: (path: string) => Promise<number>;
}

/** One local file with the content that `sha256` names, or on its way to be. */
interface Entry extends ObjectDigest {
  readonly path: string;
  /** Where it is written before it is known to be right. */
  readonly incoming: string;
  pins: number;
  /** Whether the content was compared with `sha256` since this process began. */
  verified: boolean;
  /** Makes sure of the file. Shared by all who ask meanwhile. */
  task: Promise<void> | undefined;
  /** Set while the object is fetched. */
  fetching: AbortController | undefined;
  /** No longer counted, its file removed. */
  forgotten: boolean;
}

const PARALLEL_FETCHES = 8;
const FETCH_ATTEMPTS = 2;
const FILE_NAME = /^([0-9a-f]{64})\.[0-9a-f]{8}$/;

/**
 * Immutable objects on the local disk, bounded, least recently used out first. What a lease points to was compared
 * with its size and SHA-256 in the life of this process; files found at start are compared on their first use.
 *
 * An entry: absent -> unsure -> ready -> absent. A file in use is never removed. A fetch that everybody has stopped
 * waiting for is aborted. The folder is opened by the first call.
 */
export class FileCache {
  /** By content, least recently used first. */
  private readonly entries = new Map<string, Entry>();
  /** What `close` has to wait for. */
  private readonly underWay = new Set<Promise<unknown>>();
  private readonly fetches = bulkhead(PARALLEL_FETCHES, Number.MAX_SAFE_INTEGER);
  private usedBytes = 0;
  private opening: Promise<string> | undefined;
  private closed = false;

  constructor(
    private readonly store: ObjectStore,
    private readonly options: FileCacheOptions,
    private readonly logger: Logger,
  ) {}

  /**
   * Rejects with `ObjectNotFoundError` when the store has no such object, INTEGRITY_CHECK_FAILED when it gave another
   * content twice, `FileCacheFullError` when files in use leave no room, and with the store's errors.
   */
  async acquire(object: CachedObject, { signal }: CallOptions = {}): Promise<CacheLease> {
    signal?.throwIfAborted();
    if (!/^[0-9a-f]{64}$/.test(object.sha256)) throw new TypeError('sha256 must be 64 lower-case hex digits');
    const folder = await abortable(this.open(), signal);
    const entry = this.find(object) ?? (await this.findOrAdmit(object, folder));
    const inUse = entry.pins > 0 && entry.verified;
    entry.pins += 1;
    try {
      // A file in use stays as it is; any other may have been taken away by somebody else.
      if (!inUse) {
        entry.task ??= this.track(this.ensure(entry, object.key));
        await abortable(entry.task, signal);
      }
    } catch (error) {
      this.unpin(entry);
      throw error;
    }
    let held = true;
    const release = (): void => {
      if (held) this.unpin(entry);
      held = false;
    };
    return { path: entry.path, release };
  }

  /**
   * Takes over a file that this process has just stored under the key and compared with the digest, so that its first
   * reader need not fetch it. Leaves it alone where nobody has read by this cache yet, or there is no room.
   */
  async offer(object: CachedObject, path: string): Promise<void> {
    if (this.opening === undefined) return;
    try {
      const folder = await this.open();
      const limitBytes = await this.limitBytes();
      if (this.closed || this.find(object) !== undefined) return;
      const entry = this.admit(object, folder, limitBytes);
      entry.task = this.track(this.adopt(entry, object.key, path));
      await entry.task;
    } catch (error) {
      this.logger.debug({ err: error, key: object.key }, 'a file could not be offered to the cache');
    }
  }

  /** The bound as of now: the setting, or half of what this cache could fill the disk with. */
  async limitBytes(): Promise<number> {
    const free = await (this.options.freeBytes ?? freeBytes)(await this.open());
    return Math.min(this.options.maxBytes, Math.floor((free + this.usedBytes) / 2));
  }

  /** Aborts fetches and waits for their end. Files stay for the next start. */
  async close(): Promise<void> {
    this.closed = true;
    for (const entry of this.entries.values()) entry.fetching?.abort(closedError());
    while (this.underWay.size > 0) await Promise.allSettled(this.underWay);
    if (this.opening !== undefined) await this.opening.then(releaseCacheFolder, () => undefined);
  }

  private open(): Promise<string> {
    if (this.closed) return Promise.reject(closedError());
    return (this.opening ??= this.index().catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    }));
  }

  /** Takes up what an earlier process left. Its half fetches, and files that are not the cache's, are removed. */
  private async index(): Promise<string> {
    const folder = await claimCacheFolder(this.options.directory);
    const files = filesIn(folder);
    await rm(incomingIn(folder), { recursive: true, force: true });
    await mkdir(incomingIn(folder), { mode: 0o700 });
    await mkdir(files, { recursive: true });
    // Whoever was told a path may open it; nobody else can find it.
    await chmod(files, 0o711);
    const found: { entry: Entry; modifiedMs: number }[] = [];
    for (const name of await readdir(files)) {
      const path = join(files, name);
      const sha256 = FILE_NAME.exec(name)?.[1];
      const stats = await stat(path);
      if (sha256 === undefined || !stats.isFile()) await rm(path, { recursive: true, force: true });
      else
        found.push({
          entry: newEntry({ sha256, sizeBytes: stats.size }, folder, name),
          modifiedMs: stats.mtimeMs,
        });
    }
    found.sort((a, b) => a.modifiedMs - b.modifiedMs);
    for (const { entry } of found) {
      const twin = this.entries.get(entry.sha256);
      if (twin !== undefined) this.forget(twin);
      this.add(entry);
    }
    return folder;
  }

  /** The entry of this content, now the most recently used. */
  private find(object: CachedObject): Entry | undefined {
    const entry = this.entries.get(object.sha256);
    if (entry === undefined) return undefined;
    if (entry.sizeBytes !== object.sizeBytes) {
      // A file from before that was cut short, or else two sizes of one content, which cannot be.
      if (entry.verified || entry.pins > 0) assertDigest(object.key, entry, object);
      this.forget(entry);
      return undefined;
    }
    this.entries.delete(entry.sha256);
    this.entries.set(entry.sha256, entry);
    return entry;
  }

  private async findOrAdmit(object: CachedObject, folder: string): Promise<Entry> {
    const limitBytes = await this.limitBytes();
    return this.find(object) ?? this.admit(object, folder, limitBytes);
  }

  private admit(object: CachedObject, folder: string, limitBytes: number): Entry {
    let excessBytes = this.usedBytes + object.sizeBytes - limitBytes;
    const leaving: Entry[] = [];
    for (const entry of this.entries.values()) {
      if (excessBytes <= 0) break;
      if (entry.pins > 0 || entry.task !== undefined) continue;
      leaving.push(entry);
      excessBytes -= entry.sizeBytes;
    }
    // Nothing leaves for a file that then has no room all the same.
    if (excessBytes > 0) throw new FileCacheFullError(object.sizeBytes, limitBytes);
    for (const entry of leaving) this.forget(entry);
    const entry = newEntry(object, folder, `${object.sha256}.${randomBytes(4).toString('hex')}`);
    this.add(entry);
    return entry;
  }

  /** Resolves when the file is there and right, fetching it where needed. A failure forgets the entry. */
  private async ensure(entry: Entry, key: string): Promise<void> {
    try {
      if (await this.isIntact(entry)) entry.verified = true;
      else await this.fetch(entry, key);
    } catch (error) {
      this.forget(entry);
      throw error;
    } finally {
      entry.task = undefined;
    }
  }

  private async adopt(entry: Entry, key: string, path: string): Promise<void> {
    try {
      await chmod(path, 0o444);
      await rename(path, entry.path);
      entry.verified = true;
      entry.task = undefined;
    } catch (error) {
      if (entry.pins > 0) return this.ensure(entry, key);
      this.forget(entry);
      throw error;
    }
  }

  private async isIntact(entry: Entry): Promise<boolean> {
    try {
      if ((await stat(entry.path)).size !== entry.sizeBytes) return false;
      if (entry.verified || (await digestFile(entry.path)).sha256 === entry.sha256) return true;
      this.logger.warn({ path: entry.path }, 'a file of the cache was damaged; fetching it again');
      return false;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  private async fetch(entry: Entry, key: string): Promise<void> {
    const fetching = new AbortController();
    const { signal } = fetching;
    entry.fetching = fetching;
    try {
      if (this.closed) throw closedError();
      await this.fetches.execute(() => this.fetchVerified(entry, key, signal));
      await chmod(entry.incoming, 0o444);
      signal.throwIfAborted();
      await rename(entry.incoming, entry.path);
      if (signal.aborted) await rm(entry.path, { force: true });
      signal.throwIfAborted();
      entry.verified = true;
    } catch (error) {
      await rm(entry.incoming, { force: true });
      throw error;
    } finally {
      entry.fetching = undefined;
    }
  }

  private async fetchVerified(entry: Entry, key: string, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const digest = await this.store.getToFile(key, entry.incoming, { signal });
      try {
        assertDigest(key, digest, entry);
        return;
      } catch (error) {
        await rm(entry.incoming, { force: true });
        this.logger.error({ err: error, key, attempt }, 'an object is not what the catalog says');
        if (attempt === FETCH_ATTEMPTS) throw error;
      }
    }
  }

  private unpin(entry: Entry): void {
    entry.pins -= 1;
    if (entry.pins > 0 || entry.fetching === undefined) return;
    // Nobody waits any more. Forgotten first: who asks from now on gets an entry, and a fetch, of its own.
    this.forget(entry);
    entry.fetching.abort(new Error('nobody waits for the file'));
  }

  private add(entry: Entry): void {
    this.entries.set(entry.sha256, entry);
    this.usedBytes += entry.sizeBytes;
  }

  private forget(entry: Entry): void {
    if (entry.forgotten) return;
    entry.forgotten = true;
    if (this.entries.get(entry.sha256) === entry) this.entries.delete(entry.sha256);
    this.usedBytes -= entry.sizeBytes;
    const removal = rm(entry.path, { force: true }).catch((error: unknown) => {
      this.logger.warn({ err: error, path: entry.path }, 'a file of the cache could not be removed');
    });
    void this.track(removal);
  }

  private track<T>(work: Promise<T>): Promise<T> {
    this.underWay.add(work);
    const done = (): boolean => this.underWay.delete(work);
    work.then(done, done);
    return work;
  }
}

function newEntry({ sha256, sizeBytes }: ObjectDigest, folder: string, name: string): Entry {
  return {
    sha256,
    sizeBytes,
    path: join(filesIn(folder), name),
    incoming: join(incomingIn(folder), name),
    pins: 0,
    verified: false,
    task: undefined,
    fetching: undefined,
    forgotten: false,
  };
}

const filesIn = (folder: string): string => join(folder, 'files');
const incomingIn = (folder: string): string => join(folder, 'incoming');

const closedError = (): Error => new Error('the file cache is closed');

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
