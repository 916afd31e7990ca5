import { copyFile, rm, stat, truncate } from 'node:fs/promises';
import { failpoint } from '../../kernel/index.js';
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
import { objectStoreUnavailable } from './storage.errors.js';

/** The faults of a store, at the `store.*` failpoints. In use only where one of them is armed. */
export class FailpointObjectStore implements ObjectStore {
  constructor(private readonly store: ObjectStore) {}

  /** Cut in half, the store keeps half of the file, as none with atomic puts would, and the answer is lost. */
  async putFile(key: string, path: string, options?: PutOptions): Promise<ObjectDigest> {
    if (await failpoint('store.put')) {
      const half = `${path}.half`;
      await copyFile(path, half);
      await cutInHalf(half);
      await this.store.putFile(key, half).finally(() => rm(half, { force: true }));
      throw objectStoreUnavailable(new Error('failpoint store.put'));
    }
    const digest = await this.store.putFile(key, path, options);
    await failpoint('store.put.done');
    return digest;
  }

  /** Cut in half, nothing but size and hash tells. */
  async getToFile(key: string, path: string, options?: CallOptions): Promise<ObjectDigest> {
    const truncated = await failpoint('store.get');
    const digest = await this.store.getToFile(key, path, options);
    await failpoint('store.get.done');
    if (!truncated) return digest;
    await cutInHalf(path);
    return digestFile(path);
  }

  async read(key: string, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    await failpoint('store.read');
    return this.store.read(key, range, options);
  }

  async stat(key: string, options?: CallOptions): Promise<ObjectStat | undefined> {
    await failpoint('store.stat');
    return this.store.stat(key, options);
  }

  async delete(key: string, options?: CallOptions): Promise<void> {
    await failpoint('store.delete');
    return this.store.delete(key, options);
  }

  async list(prefix: string, options: ListOptions): Promise<ObjectPage> {
    await failpoint('store.list');
    return this.store.list(prefix, options);
  }

  check(signal: AbortSignal): Promise<void> {
    return this.store.check(signal);
  }
}

async function cutInHalf(path: string): Promise<void> {
  await truncate(path, Math.floor((await stat(path)).size / 2));
}
