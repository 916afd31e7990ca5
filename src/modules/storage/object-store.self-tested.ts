import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, type Logger } from '../../kernel/index.js';
import { abortable } from './abortable.js';
import type {
  ByteRange,
  CallOptions,
  ListOptions,
  ObjectDigest,
  ObjectPage,
  ObjectStat,
  ObjectStore,
  ObjectStoreAdapter,
  PutOptions,
} from './object-store.js';
import {
  ObjectConflictError,
  ObjectNotFoundError,
  ObjectStoreMisconfiguredError,
  objectStoreUnavailable,
} from './storage.errors.js';

export interface SelfTestOptions {
  /** Absolute path of a folder for the two small files of the test. */
  readonly scratchDir: string;
  /** A new key for every run of the test. */
  readonly newKey: () => string;
  readonly timeoutMs: number;
}

/**
 * Opens its adapter and proves that it keeps the port's promises, before the first call goes through.
 * State: untested -> testing -> tested; a failed test goes back to untested, and the next call tries again.
 */
export class SelfTestedObjectStore implements ObjectStore {
  private tested = false;
  private testing: Promise<void> | undefined;

  constructor(
    private readonly adapter: ObjectStoreAdapter,
    private readonly options: SelfTestOptions,
    private readonly logger: Logger,
  ) {}

  /**
   * Rejects with `ObjectStoreMisconfiguredError` where a setting is at fault. A store that is merely out of reach
   * (DEPENDENCY_UNAVAILABLE) is logged, and tried again by the next call.
   */
  async start(): Promise<void> {
    try {
      await this.ready(undefined);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.logger.warn(
        { err: error, store: this.adapter.location },
        'the object store is out of reach; going on without',
      );
    }
  }

  close(): Promise<void> {
    return this.adapter.close();
  }

  putFile(key: string, path: string, options?: PutOptions): Promise<ObjectDigest> {
    return this.whenReady(options?.signal, () => this.adapter.putFile(key, path, options));
  }

  getToFile(key: string, path: string, options?: CallOptions): Promise<ObjectDigest> {
    return this.whenReady(options?.signal, () => this.adapter.getToFile(key, path, options));
  }

  read(key: string, range: ByteRange, options?: CallOptions): Promise<Buffer> {
    return this.whenReady(options?.signal, () => this.adapter.read(key, range, options));
  }

  stat(key: string, options?: CallOptions): Promise<ObjectStat | undefined> {
    return this.whenReady(options?.signal, () => this.adapter.stat(key, options));
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.whenReady(options?.signal, () => this.adapter.delete(key, options));
  }

  list(prefix: string, options: ListOptions): Promise<ObjectPage> {
    return this.whenReady(options.signal, () => this.adapter.list(prefix, options));
  }

  check(signal: AbortSignal): Promise<void> {
    return this.whenReady(signal, () => this.adapter.check(signal));
  }

  private async whenReady<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    if (this.tested) return call();
    try {
      await this.ready(signal);
    } catch (error) {
      throw error instanceof ObjectStoreMisconfiguredError ? objectStoreUnavailable(error) : error;
    }
    return call();
  }

  /** One test at a time; it has a deadline of its own, since it serves all who wait for it. */
  private async ready(signal: AbortSignal | undefined): Promise<void> {
    this.testing ??= this.test().finally(() => (this.testing = undefined));
    await abortable(this.testing, signal);
  }

  private async test(): Promise<void> {
    const signal = AbortSignal.timeout(this.options.timeoutMs);
    try {
      await this.adapter.open(signal);
      await this.prove(signal);
      this.tested = true;
      this.logger.info({ store: this.adapter.location }, 'the object store passed its self test');
    } catch (error) {
      if (error instanceof ObjectStoreMisconfiguredError) throw error;
      const reason = this.adapter.misconfiguration(error);
      if (reason !== undefined) throw new ObjectStoreMisconfiguredError(reason, { cause: error });
      throw error === signal.reason ? objectStoreUnavailable(error) : error;
    }
  }

  private async prove(signal: AbortSignal): Promise<void> {
    const { scratchDir, newKey } = this.options;
    const key = newKey();
    const folder = join(scratchDir, `self-test-${randomUUID()}`);
    const content = Buffer.from(`Tidemark self test ${key}\n`);
    await mkdir(folder, { recursive: true });
    try {
      const path = join(folder, 'sent');
      await writeFile(path, content);
      const sent = await this.adapter.putFile(key, path, { signal });
      await writeFile(path, 'something else');
      expectThat(
        await isRefused(this.adapter.putFile(key, path, { signal })),
        'lets an object be overwritten',
      );
      const stat = await this.adapter.stat(key, { signal });
      expectThat(stat?.sizeBytes === content.length, 'does not find an object that was just put');
      const got = await this.adapter.getToFile(key, join(folder, 'got'), { signal });
      expectThat(got.sha256 === sent.sha256, 'does not give back what was put');
      const part = await this.adapter.read(key, { offset: 9, length: 9 }, { signal });
      expectThat(part.equals(content.subarray(9, 18)), 'does not answer a ranged read with that range');
      const page = await this.adapter.list(key, { limit: 2, signal });
      expectThat(
        page.objects.length === 1 && page.objects[0]?.key === key,
        'does not list an object that was just put',
      );
      await this.adapter.delete(key, { signal });
      expectThat(
        (await this.adapter.stat(key, { signal })) === undefined,
        'still has an object that was deleted',
      );
    } catch (error) {
      await this.adapter.delete(key, { signal }).catch(() => undefined);
      throw error instanceof ObjectNotFoundError
        ? new ObjectStoreMisconfiguredError(faultOf('does not find an object that was just put'), {
            cause: error,
          })
        : error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

async function isRefused(put: Promise<unknown>): Promise<boolean> {
  try {
    await put;
    return false;
  } catch (error) {
    if (error instanceof ObjectConflictError) return true;
    throw error;
  }
}

function faultOf(fault: string): string {
  return (
    `The object store ${fault}, so Tidemark cannot keep its promises on it. ` +
    'Set TIDEMARK_S3_ENDPOINT to an S3 server with strong consistency and conditional writes (If-None-Match).'
  );
}

function expectThat(holds: boolean, fault: string): void {
  if (!holds) throw new ObjectStoreMisconfiguredError(faultOf(fault));
}
