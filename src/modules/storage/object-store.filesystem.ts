import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, lstat, mkdir, open, readdir, rm, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../kernel/index.js';
import { abortable } from './abortable.js';
import { digestFile, errnoOf, syncFolder, writeNewFile } from './local-file.js';
import { ObjectFolder } from './object-folder.js';
import { assertKeyPrefix } from './object-keys.js';
import {
  assertByteRange,
  assertPageLimit,
  type ByteRange,
  type CallOptions,
  type ListOptions,
  type ObjectDigest,
  type ObjectEntry,
  type ObjectPage,
  type ObjectStat,
  type ObjectStoreAdapter,
  type PutOptions,
} from './object-store.js';
import {
  assertDigest,
  InvalidObjectKeyError,
  ObjectConflictError,
  ObjectNotFoundError,
  objectStoreUnavailable,
} from './storage.errors.js';

/** Faults of the folder that only another folder, or other rights on it, can mend. */
const LASTING_FAULTS = [
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EEXIST',
  'ELOOP',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
];

/**
 * Objects as files below a folder, for one machine. A put writes into `~incoming` and links the finished, synced
 * file to its name, which fails where the name is taken; a crash leaves nothing but files there, which `open` sweeps.
 */
export class FilesystemObjectStore implements ObjectStoreAdapter {
  readonly location: string;
  private readonly folder: ObjectFolder;

  constructor(private readonly directory: string) {
    this.location = directory;
    this.folder = new ObjectFolder(directory);
  }

  async open(): Promise<void> {
    await this.guard(undefined, async () => {
      await this.folder.create();
      const incoming = this.folder.reserved('incoming');
      await mkdir(incoming, { recursive: true });
      for (const leftover of await readdir(incoming)) await rm(join(incoming, leftover), { force: true });
    });
  }

  misconfiguration(error: unknown): string | undefined {
    const code = errnoOf(error instanceof AppError ? error.cause : error);
    if (code === undefined || !LASTING_FAULTS.includes(code)) return undefined;
    return (
      `The folder ${this.directory} cannot hold objects (${code}): it must be writable and its file system must ` +
      'have hard links. Set TIDEMARK_DATA_DIR to another folder, or TIDEMARK_S3_BUCKET to use S3.'
    );
  }

  async close(): Promise<void> {
    // Holds nothing open between calls.
  }

  async putFile(key: string, path: string, options: PutOptions = {}): Promise<ObjectDigest> {
    const { sha256, signal } = options;
    const source = await open(path, 'r');
    const temporary = join(this.folder.reserved('incoming'), randomUUID());
    try {
      return await this.guard(signal, async () => {
        const target = await this.folder.findOrCreate(key);
        const digest = await writeNewFile(temporary, source.createReadStream({ autoClose: false }), {
          signal,
          check: (written) => assertDigest(key, written, { sha256: sha256 ?? written.sha256 }),
          mode: 0o444,
          sync: true,
        });
        await this.linkOnce(key, temporary, target, digest);
        await syncFolder(dirname(target));
        return digest;
      });
    } finally {
      await source.close();
      await rm(temporary, { force: true });
    }
  }

  async getToFile(key: string, path: string, { signal }: CallOptions = {}): Promise<ObjectDigest> {
    const object = await this.guard(signal, () => this.openObject(key));
    return writeNewFile(path, object.createReadStream(), { signal, sourceFault: objectStoreUnavailable });
  }

  read(key: string, range: ByteRange, { signal }: CallOptions = {}): Promise<Buffer> {
    return this.guard(signal, async () => {
      assertByteRange(range);
      const object = await this.openObject(key);
      try {
        const { size } = await object.stat();
        const buffer = Buffer.alloc(Math.max(0, Math.min(range.length, size - range.offset)));
        let filled = 0;
        while (filled < buffer.length) {
          const { bytesRead } = await object.read(
            buffer,
            filled,
            buffer.length - filled,
            range.offset + filled,
          );
          if (bytesRead === 0) throw new Error(`the file of ${key} was cut short`);
          filled += bytesRead;
        }
        return buffer;
      } finally {
        await object.close();
      }
    });
  }

  stat(key: string, { signal }: CallOptions = {}): Promise<ObjectStat | undefined> {
    return this.guard(signal, async () => {
      try {
        const object = await this.openObject(key);
        const stats = await object.stat().finally(() => object.close());
        return { sizeBytes: stats.size, modifiedAt: stats.mtime };
      } catch (error) {
        if (error instanceof ObjectNotFoundError) return undefined;
        throw error;
      }
    });
  }

  delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    return this.guard(signal, async () => {
      const path = await this.folder.find(key);
      if (path === undefined) return;
      try {
        if (!(await lstat(path)).isFile()) return;
        await unlink(path);
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
      await syncFolder(dirname(path));
    });
  }

  list(prefix: string, { after = '', limit, signal }: ListOptions): Promise<ObjectPage> {
    return this.guard(signal, async () => {
      assertKeyPrefix(prefix);
      assertPageLimit(limit);
      const objects: ObjectEntry[] = [];
      for await (const entry of this.folder.walk(prefix, after)) {
        signal?.throwIfAborted();
        if (objects.length === limit) return { objects, next: objects.at(-1)?.key };
        objects.push(entry);
      }
      return { objects, next: undefined };
    });
  }

  check(signal: AbortSignal): Promise<void> {
    const { R_OK, W_OK, X_OK } = constants;
    return this.guard(signal, () =>
      abortable(access(this.folder.reserved('incoming'), R_OK | W_OK | X_OK), signal),
    );
  }

  /** Gives the finished file its name. Taken by the same content: done already. */
  private async linkOnce(
    key: string,
    temporary: string,
    target: string,
    digest: ObjectDigest,
  ): Promise<void> {
    try {
      await link(temporary, target);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if (!(await lstat(target)).isFile())
        throw new InvalidObjectKeyError(key, 'something other than a file is there');
      const held = await digestFile(target);
      if (held.sha256 !== digest.sha256) throw new ObjectConflictError(key);
    }
  }

  private async openObject(key: string): Promise<FileHandle> {
    const path = await this.folder.find(key);
    if (path === undefined) throw new ObjectNotFoundError(key);
    let object: FileHandle;
    try {
      object = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') throw new ObjectNotFoundError(key, { cause: error });
      if (errnoOf(error) === 'ELOOP') throw new InvalidObjectKeyError(key, 'it is a symbolic link');
      throw error;
    }
    if ((await object.stat()).isFile()) return object;
    await object.close();
    throw new ObjectNotFoundError(key);
  }

  /** Turns the system's errors into the port's. */
  private async guard<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await run();
    } catch (error) {
      signal?.throwIfAborted();
      throw errnoOf(error) === undefined || error instanceof AppError ? error : objectStoreUnavailable(error);
    }
  }
}
