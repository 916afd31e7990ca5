import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { Transform, type Readable, type Stream, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ObjectDigest } from './object-store.js';

/** Sees the digest of all bytes before their end is passed on; what it throws fails the stream. */
export type DigestCheck = (digest: ObjectDigest) => void;

/** Passes bytes on and takes their digest. */
export class DigestTap extends Transform {
  private readonly hash = createHash('sha256');
  private sizeBytes = 0;
  private result: ObjectDigest | undefined;

  constructor(private readonly check?: DigestCheck) {
    super();
  }

  /** To be read once the stream has ended. */
  get digest(): ObjectDigest {
    return (this.result ??= { sizeBytes: this.sizeBytes, sha256: this.hash.digest('hex') });
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.hash.update(chunk);
    this.sizeBytes += chunk.length;
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    try {
      this.check?.(this.digest);
      done();
    } catch (error) {
      done(error as Error);
    }
  }
}

export function digestBuffer(content: Buffer): ObjectDigest {
  return { sizeBytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}

export async function digestFile(path: string, signal?: AbortSignal): Promise<ObjectDigest> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}

export interface NewFileOptions {
  readonly signal?: AbortSignal | undefined;
  readonly check?: DigestCheck | undefined;
  readonly mode?: number;
  /** Whether the content must be on the disk when this resolves. */
  readonly sync?: boolean;
  /** What to reject with when it is the source that failed. */
  readonly sourceFault?: (error: unknown) => unknown;
}

/** Writes a file that must not exist. After a failure there is none, unless it was there before (EEXIST). */
export async function writeNewFile(
  path: string,
  source: Readable,
  options: NewFileOptions = {},
): Promise<ObjectDigest> {
  const { signal, check, mode, sync, sourceFault } = options;
  // One stream that fails takes the others with it, and all of them report its error: the first is at fault.
  let failed: unknown;
  const watch = (stream: Stream): Stream => stream.once('error', () => (failed ??= stream));
  watch(source);
  const file = await open(path, 'wx', mode).catch((error: unknown) => {
    source.destroy();
    throw error;
  });
  const tap = new DigestTap(check);
  const sink = file.createWriteStream({ flush: sync === true });
  watch(tap);
  watch(sink);
  try {
    await pipeline(source, tap, sink, { signal });
    return tap.digest;
  } catch (error) {
    await rm(path, { force: true });
    signal?.throwIfAborted();
    throw failed === source && sourceFault !== undefined ? sourceFault(error) : error;
  }
}

/** Brings a folder's entries to the disk, as `fsync` of a file alone does not. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The system's code, such as ENOENT. By shape: `instanceof` fails for errors from another realm. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
