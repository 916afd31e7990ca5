/** Injection token of the `ObjectStore` port. */
export const OBJECT_STORE = Symbol('ObjectStore');

export interface ObjectDigest {
  readonly sizeBytes: number;
  /** Lower-case hex over the whole content. */
  readonly sha256: string;
}

export interface ObjectStat {
  readonly sizeBytes: number;
  /** When the object was put, by the store's clock, exact to a second at least. */
  readonly modifiedAt: Date;
}

export interface ObjectEntry extends ObjectStat {
  readonly key: string;
}

export interface ObjectPage {
  /** In ascending order of the keys' bytes. */
  readonly objects: readonly ObjectEntry[];
  /** The `after` of the next page; undefined when this is the last one. */
  readonly next: string | undefined;
}

export interface ByteRange {
  readonly offset: number;
  /** At least 1. */
  readonly length: number;
}

export interface CallOptions {
  /** Ends the call early; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface PutOptions extends CallOptions {
  /** What the file must hash to. A file that does not is refused with INTEGRITY_CHECK_FAILED. */
  readonly sha256?: string | undefined;
}

export interface ListOptions extends CallOptions {
  /** Only keys that come after this one. */
  readonly after?: string | undefined;
  /** 1 to `MAX_PAGE_SIZE`. */
  readonly limit: number;
}

export const MAX_PAGE_SIZE = 1000;

/**
 * Immutable objects under keys. A key is given one content once; keys are never reused.
 *
 * Atomic: `putFile` (the whole object is there, or nothing of it) and `delete`.
 * Ordered: a put, delete or stat that begins after another call has ended sees its result, and so does `list`.
 * Idempotent: `delete`; `putFile` of the same content under the same key. Another content under a key that is
 * taken is an `ObjectConflictError`, and of two puts that race exactly one wins.
 * Durable: when `putFile` resolves, the object survives a crash of the store.
 *
 * Not promised: that a put which failed or was aborted left nothing (it may still take effect later); that `list`
 * is one moment's view; that a key and another one below it (`a` and `a/b`) can both exist; anything across objects.
 *
 * Every call rejects with `InvalidObjectKeyError` for a key that `assertObjectKey` refuses, and with
 * DEPENDENCY_UNAVAILABLE when the store fails or cannot be reached. No call retries beyond what its client does.
 */
export interface ObjectStore {
  /** Stores a local file. Rejects with `ObjectConflictError` when the key holds something else. */
  putFile(key: string, path: string, options?: PutOptions): Promise<ObjectDigest>;

  /**
   * Writes the object to a new local file and answers what was written. Rejects with `ObjectNotFoundError`, and
   * with EEXIST when there is a file at `path`. After any failure nothing that it wrote is left at `path`.
   */
  getToFile(key: string, path: string, options?: CallOptions): Promise<ObjectDigest>;

  /** Shorter than asked, down to empty, where the object ends. Rejects with `ObjectNotFoundError`. */
  read(key: string, range: ByteRange, options?: CallOptions): Promise<Buffer>;

  stat(key: string, options?: CallOptions): Promise<ObjectStat | undefined>;

  /** Resolves whether or not there was such an object. */
  delete(key: string, options?: CallOptions): Promise<void>;

  /** Objects whose key begins with `prefix`, which need not end at a slash. */
  list(prefix: string, options: ListOptions): Promise<ObjectPage>;

  /** A live call to the store. Resolves when it answers, rejects otherwise; as slow as `signal` allows. */
  check(signal: AbortSignal): Promise<void>;
}

/** For adapters: refuses what no store could answer. */
export function assertByteRange({ offset, length }: ByteRange): void {
  if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`${offset} is not an offset`);
  if (!Number.isSafeInteger(length) || length < 1)
    throw new RangeError(`${length} is not the length of a range`);
}

/** For adapters: refuses a page size outside of 1 to `MAX_PAGE_SIZE`. */
export function assertPageLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_SIZE)
    throw new RangeError(`${limit} is not a page size`);
}

/** What an adapter has beside the port. Only `StorageModule` sees it. */
export interface ObjectStoreAdapter extends ObjectStore {
  /** Where the objects are, for the log. No secrets. */
  readonly location: string;

  /** Makes the place ready for its first call. May be called again after a failure. */
  open(signal: AbortSignal): Promise<void>;

  /** Which setting is wrong, in a sentence, where `error` of this adapter says so; undefined for passing faults. */
  misconfiguration(error: unknown): string | undefined;

  close(): Promise<void>;
}
