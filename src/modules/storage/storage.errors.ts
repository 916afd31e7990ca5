import { AppError, defineError, DEPENDENCY_UNAVAILABLE, SERVER_BUSY } from '../../kernel/index.js';
import type { ObjectDigest } from './object-store.js';

export const INTEGRITY_CHECK_FAILED = defineError({
  code: 'INTEGRITY_CHECK_FAILED',
  title: 'An object is not what the catalog says',
  cause:
    'An object, or a file on its way to the object store, has another size or SHA-256 than was recorded.',
  action: 'Operators: compare the object that the log names with a backup. Nothing was read from it.',
  retryable: false,
  normal: false,
});

/** There is no object under the key. For a query this means that its snapshot's files are gone. */
export class ObjectNotFoundError extends Error {
  constructor(
    readonly key: string,
    options?: ErrorOptions,
  ) {
    super(`there is no object ${key}`, options);
    this.name = 'ObjectNotFoundError';
  }
}

/** The key holds another content. Keys are never reused, so this is a fault of the caller. */
export class ObjectConflictError extends Error {
  constructor(
    readonly key: string,
    options?: ErrorOptions,
  ) {
    super(`the object ${key} exists with another content`, options);
    this.name = 'ObjectConflictError';
  }
}

/** A key outside of the grammar of `assertObjectKey`, or one that leads out of the store. */
export class InvalidObjectKeyError extends Error {
  constructor(key: string, reason: string) {
    super(`${JSON.stringify(key.slice(0, 200))} is not an object key: ${reason}`);
    this.name = 'InvalidObjectKeyError';
  }
}

/** The object store cannot work with the given settings; the message names the one to change. */
export class ObjectStoreMisconfiguredError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ObjectStoreMisconfiguredError';
  }
}

/** All of the cache's room is taken by files in use. `maxBytes` tells whether waiting can help. */
export class FileCacheFullError extends AppError {
  constructor(
    readonly neededBytes: number,
    readonly maxBytes: number,
  ) {
    super(SERVER_BUSY, 'The local file cache is full of files in use.', {
      context: { needed_bytes: neededBytes, max_bytes: maxBytes },
      retryAfterMs: 1000,
    });
    this.name = 'FileCacheFullError';
  }
}

/** For every fault of the store that may pass. */
export function objectStoreUnavailable(cause: unknown): AppError {
  return new AppError(DEPENDENCY_UNAVAILABLE, 'The object store is not available.', {
    context: { dependency: 'object_store' },
    retryAfterMs: 1000,
    cause,
  });
}

/** Throws unless the content is the expected one: INTEGRITY_CHECK_FAILED. */
export function assertDigest(key: string, actual: ObjectDigest, expected: Partial<ObjectDigest>): void {
  const { sizeBytes = actual.sizeBytes, sha256 = actual.sha256 } = expected;
  if (actual.sizeBytes === sizeBytes && actual.sha256 === sha256) return;
  throw new AppError(INTEGRITY_CHECK_FAILED, 'The content of an object is not what was recorded.', {
    context: { object: key, expected: { sizeBytes, sha256 }, actual },
  });
}
