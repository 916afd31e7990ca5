import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { AppError, DEPENDENCY_UNAVAILABLE } from '../../kernel/index.js';
import { digestFile } from './local-file.js';
import type {
  ByteRange,
  CallOptions,
  ListOptions,
  ObjectDigest,
  ObjectPage,
  ObjectStat,
  ObjectStore,
  PutOptions,
} from './object-store.js';

/**
 * Resolves a put whose answer was lost: where the key holds an object with the size and the SHA-256 of the file, the
 * put has succeeded. Anything else stays the failure that it was; nothing is deleted, and the caller's next attempt
 * takes another key.
 */
export class CertainObjectStore implements ObjectStore {
  constructor(private readonly store: ObjectStore) {}

  async putFile(key: string, path: string, options: PutOptions = {}): Promise<ObjectDigest> {
    try {
      return await this.store.putFile(key, path, options);
    } catch (error) {
      if (!(error instanceof AppError) || error.spec !== DEPENDENCY_UNAVAILABLE) throw error;
      const held = await this.heldAs(key, path, options).catch(() => undefined);
      if (held === undefined) throw error;
      return held;
    }
  }

  getToFile(key: string, path: string, options?: CallOptions): Promise<ObjectDigest> {
    return this.store.getToFile(key, path, options);
  }

  read(key: string, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    return this.store.read(key, range, options);
  }

  stat(key: string, options?: CallOptions): Promise<ObjectStat | undefined> {
    return this.store.stat(key, options);
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.store.delete(key, options);
  }

  list(prefix: string, options: ListOptions): Promise<ObjectPage> {
    return this.store.list(prefix, options);
  }

  check(signal: AbortSignal): Promise<void> {
    return this.store.check(signal);
  }

  /** The digest of the file where the key holds its content. What the store says of it is not taken on trust. */
  private async heldAs(
    key: string,
    path: string,
    { sha256, signal }: PutOptions,
  ): Promise<ObjectDigest | undefined> {
    const sent = await digestFile(path, signal);
    if (sha256 !== undefined && sent.sha256 !== sha256) return undefined;
    const stat = await this.store.stat(key, { signal });
    if (stat?.sizeBytes !== sent.sizeBytes) return undefined;
    const copy = `${path}.held-${randomUUID()}`;
    try {
      const held = await this.store.getToFile(key, copy, { signal });
      return held.sha256 === sent.sha256 ? held : undefined;
    } finally {
      await rm(copy, { force: true });
    }
  }
}
