import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type BucketLocationConstraint,
  type HeadObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { S3Settings } from '../../config/index.js';
import { abortable } from './abortable.js';
import { digestBuffer, digestFile, DigestTap, writeNewFile } from './local-file.js';
import { assertKeyPrefix, assertObjectKey } from './object-keys.js';
import {
  assertByteRange,
  assertPageLimit,
  type ByteRange,
  type CallOptions,
  type ListOptions,
  type ObjectDigest,
  type ObjectPage,
  type ObjectStat,
  type ObjectStoreAdapter,
  type PutOptions,
} from './object-store.js';
import { explainS3Error, s3Fault, translateS3Error } from './s3-errors.js';
import {
  assertDigest,
  ObjectConflictError,
  ObjectNotFoundError,
  objectStoreUnavailable,
} from './storage.errors.js';

export interface S3Limits {
  readonly connectMs: number;
  /** From the request to the head of its answer, the upload of one part included. */
  readonly requestMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
  readonly attempts: number;
  /** Larger files are sent in parts of this size, or larger ones where S3's 10,000 parts would not do. */
  readonly partBytes: number;
}

const DEFAULT_LIMITS: S3Limits = {
  connectMs: 3_000,
  requestMs: 60_000,
  idleMs: 30_000,
  attempts: 3,
  partBytes: 8 * 1024 * 1024,
};
const MAX_PARTS = 10_000;
const PARALLEL_PARTS = 3;

interface SendOptions {
  abortSignal?: AbortSignal;
}

/** The object's SHA-256 as user metadata: by it, a repeated put is told from a conflict. */
const SHA256_METADATA = 'sha256';

/** Objects in a bucket. `putFile` relies on conditional writes (`If-None-Match: *`); retries are the SDK's alone. */
export class S3ObjectStore implements ObjectStoreAdapter {
  readonly location: string;
  private readonly client: S3Client;
  private readonly limits: S3Limits;
  private readonly bucket: string;

  /** `prefix` bounds the live call of `check`, so that a policy may bound the key to it. */
  constructor(
    private readonly settings: S3Settings,
    private readonly prefix: string,
    limits: Partial<S3Limits> = {},
  ) {
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    this.bucket = settings.bucket;
    this.location = `${settings.endpoint ?? `S3 in ${settings.region}`}, bucket ${settings.bucket}`;
    this.client = createClient(settings, this.limits);
  }

  async open(signal: AbortSignal): Promise<void> {
    try {
      await this.check(signal);
    } catch (error) {
      const missing = s3Fault((error as Error).cause).code === 'NoSuchBucket';
      if (!missing || !this.settings.autoCreateBucket) throw error;
      await this.createBucket(signal);
      await this.check(signal);
    }
  }

  misconfiguration(error: unknown): string | undefined {
    return explainS3Error(error, this.settings);
  }

  close(): Promise<void> {
    this.client.destroy();
    return Promise.resolve();
  }

  async putFile(key: string, path: string, { sha256, signal }: PutOptions = {}): Promise<ObjectDigest> {
    assertObjectKey(key);
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      return size <= this.limits.partBytes
        ? await this.putWhole(key, await file.readFile(), sha256, signal)
        : await this.putParts(key, file, size, sha256 ?? (await digestFile(path, signal)).sha256, signal);
    } finally {
      await file.close();
    }
  }

  async getToFile(key: string, path: string, { signal }: CallOptions = {}): Promise<ObjectDigest> {
    const { body, sizeBytes } = await this.get(key, undefined, signal);
    return writeNewFile(path, body, {
      signal,
      check: (written) => assertWhole(key, written.sizeBytes, sizeBytes),
      sourceFault: objectStoreUnavailable,
    });
  }

  async read(key: string, range: ByteRange, { signal }: CallOptions = {}): Promise<Buffer> {
    assertByteRange(range);
    const last = range.offset + range.length - 1;
    let answer: { body: Readable; sizeBytes: number | undefined };
    try {
      answer = await this.get(key, `bytes=${range.offset}-${last}`, signal);
    } catch (error) {
      if (s3Fault((error as Error).cause).status === 416) return Buffer.alloc(0);
      throw error;
    }
    const chunks = await this.call(
      key,
      signal,
      () => answer.body.toArray(signal && { signal }) as Promise<Buffer[]>,
    );
    const bytes = Buffer.concat(chunks);
    assertWhole(key, bytes.length, answer.sizeBytes);
    if (bytes.length > range.length)
      throw objectStoreUnavailable(new Error('the server ignored the range of a read'));
    return bytes;
  }

  async stat(key: string, { signal }: CallOptions = {}): Promise<ObjectStat | undefined> {
    const head = await this.head(key, signal);
    if (head === undefined) return undefined;
    return { sizeBytes: head.ContentLength ?? 0, modifiedAt: head.LastModified ?? new Date(0) };
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    assertObjectKey(key);
    const command = new DeleteObjectCommand({ Bucket: this.bucket, Key: key });
    try {
      await this.call(key, signal, (options) => this.client.send(command, options));
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw error;
    }
  }

  async list(prefix: string, { after, limit, signal }: ListOptions): Promise<ObjectPage> {
    assertKeyPrefix(prefix);
    assertPageLimit(limit);
    const command = new ListObjectsV2Command({
      Bucket: this.bucket,
      Prefix: prefix,
      MaxKeys: limit,
      ...(after !== undefined && after !== '' && { StartAfter: after }),
    });
    const page = await this.call(prefix, signal, (options) => this.client.send(command, options));
    const objects = (page.Contents ?? []).flatMap(({ Key, Size, LastModified }) =>
      Key === undefined ? [] : [{ key: Key, sizeBytes: Size ?? 0, modifiedAt: LastModified ?? new Date(0) }],
    );
    return { objects, next: page.IsTruncated === true ? objects.at(-1)?.key : undefined };
  }

  /** A listing and not a HEAD of the bucket: its answer has a body, which says what is wrong. */
  async check(signal: AbortSignal): Promise<void> {
    await abortable(this.list(`${this.prefix}/`, { limit: 1, signal }), signal);
  }

  private async createBucket(signal: AbortSignal): Promise<void> {
    const { region } = this.settings;
    const command = new CreateBucketCommand({
      Bucket: this.bucket,
      ...(region !== 'us-east-1' && {
        CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint },
      }),
    });
    try {
      await this.call('', signal, (options) => this.client.send(command, options));
    } catch (error) {
      // Another process was first.
      if (s3Fault((error as Error).cause).code !== 'BucketAlreadyOwnedByYou') throw error;
    }
  }

  private async putWhole(
    key: string,
    body: Buffer,
    sha256: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ObjectDigest> {
    const digest = digestBuffer(body);
    assertDigest(key, digest, sha256 === undefined ? {} : { sha256 });
    const command = new PutObjectCommand({ ...this.newObject(key, digest.sha256), Body: body });
    await this.putOnce(key, digest, signal, (options) => this.client.send(command, options));
    return digest;
  }

  private async putParts(
    key: string,
    file: FileHandle,
    sizeBytes: number,
    sha256: string,
    signal: AbortSignal | undefined,
  ): Promise<ObjectDigest> {
    const digest = { sizeBytes, sha256 };
    const source = file.createReadStream({ start: 0, autoClose: false });
    const tap = new DigestTap((sent) => assertDigest(key, sent, digest));
    source.once('error', (error) => tap.destroy(error)).pipe(tap);
    const abortController = new AbortController();
    const upload = new Upload({
      client: this.client,
      params: { ...this.newObject(key, sha256), Body: tap, ContentLength: sizeBytes },
      partSize: Math.max(this.limits.partBytes, Math.ceil(sizeBytes / MAX_PARTS)),
      queueSize: PARALLEL_PARTS,
      abortController,
    });
    const stop = () => abortController.abort();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      await this.putOnce(key, digest, signal, () => upload.done());
    } finally {
      signal?.removeEventListener('abort', stop);
      source.destroy();
      tap.destroy();
    }
    return digest;
  }

  private newObject(key: string, sha256: string) {
    return { Bucket: this.bucket, Key: key, IfNoneMatch: '*', Metadata: { [SHA256_METADATA]: sha256 } };
  }

  /** A taken key is fine where it holds this very content, as after a put whose answer was lost. */
  private async putOnce(
    key: string,
    digest: ObjectDigest,
    signal: AbortSignal | undefined,
    put: (options: SendOptions) => Promise<unknown>,
  ): Promise<void> {
    try {
      await this.call(key, signal, put);
    } catch (error) {
      if (!(error instanceof ObjectConflictError)) throw error;
      const held = await this.head(key, signal);
      if (held === undefined) throw objectStoreUnavailable(error);
      const same =
        held.ContentLength === digest.sizeBytes && held.Metadata?.[SHA256_METADATA] === digest.sha256;
      if (!same) throw error;
    }
  }

  private async head(
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<HeadObjectCommandOutput | undefined> {
    assertObjectKey(key);
    const command = new HeadObjectCommand({ Bucket: this.bucket, Key: key });
    try {
      return await this.call(key, signal, (options) => this.client.send(command, options));
    } catch (error) {
      if (!(error instanceof ObjectNotFoundError)) throw error;
      // The answer to HEAD has no body: only a listing tells a missing object from a missing bucket.
      await this.list(key, { limit: 1, signal });
      return undefined;
    }
  }

  private async get(
    key: string,
    range: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ body: Readable; sizeBytes: number | undefined }> {
    assertObjectKey(key);
    const command = new GetObjectCommand({
      Bucket: this.bucket,
      Key: key,
      ...(range !== undefined && { Range: range }),
    });
    const { Body, ContentLength } = await this.call(key, signal, (options) =>
      this.client.send(command, options),
    );
    if (!(Body instanceof Readable)) throw objectStoreUnavailable(new Error('the answer has no body'));
    return { body: Body, sizeBytes: ContentLength };
  }

  private async call<T>(
    key: string,
    signal: AbortSignal | undefined,
    run: (options: SendOptions) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await run(signal === undefined ? {} : { abortSignal: signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw translateS3Error(error, key);
    }
  }
}

function createClient(settings: S3Settings, limits: S3Limits): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey, forcePathStyle } = settings;
  const checksums = settings.checksums === 'when_supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  return new S3Client({
    region,
    forcePathStyle,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    maxAttempts: limits.attempts,
    requestHandler: {
      connectionTimeout: limits.connectMs,
      requestTimeout: limits.requestMs,
      throwOnRequestTimeout: true,
      socketTimeout: limits.idleMs,
    },
    ...(endpoint !== undefined && { endpoint }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
  });
}

function assertWhole(key: string, receivedBytes: number, announcedBytes: number | undefined): void {
  if (announcedBytes === undefined || announcedBytes === receivedBytes) return;
  throw objectStoreUnavailable(new Error(`${receivedBytes} of ${announcedBytes} bytes of ${key} came`));
}
