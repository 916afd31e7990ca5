import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { RequestTimeoutException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { freeBuffer, joinBuffers } from '../kernel/index.js';
import type { Admissions, RequestHold } from './admissions.js';
import { BodyPace } from './body-pace.js';
import { bodyInvalid, bodyTooLarge, mediaTypeUnsupported } from './body.errors.js';
import { inflate, type Encoding } from './inflate.js';
import { parseJson } from './json-body.js';

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly maxInflatedBytes: number;
}

/** What `@Body()` is on the routes that take events: valid UTF-8, decompressed, not parsed, at least one byte. */
export interface IngestBody {
  readonly contentType: 'json' | 'ndjson';
  readonly bytes: Buffer;
}

/**
 * What `request.body` is until somebody awaits it. Nothing is read before that, so that a guard refuses
 * a request before its body is taken in. Nest awaits it for `@Body()`; `@Body('field')` does not work.
 */
class LazyBody<T> implements PromiseLike<T> {
  private reading: Promise<T> | undefined;

  constructor(private readonly read: () => Promise<T>) {}

  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.reading ??= this.read();
    return this.reading.then(onValue, onError);
  }
}

/** Paths of the calls whose body is handed on as bytes. */
const EVENT_ROUTES = /^\/v1\/(?:ingest\/[^/]+|tables\/infer)$/;
const ENCODINGS = ['gzip', 'zstd'] as const satisfies readonly Encoding[];
const CONTENT_TYPES = { 'application/json': 'json', 'application/x-ndjson': 'ndjson' } as const;

/** How bodies are read: limits of one, and what bounds all of them. */
interface Reading {
  readonly limits: BodyLimits;
  readonly hold: RequestHold;
  readonly pace: BodyPace;
}

/** Answers what makes the lazy body of a request. `windowMs` is that of `BodyPace`. */
export function createBodyReader(
  limits: BodyLimits,
  admissions: Admissions,
  windowMs: number,
): (request: FastifyRequest, reply: FastifyReply) => PromiseLike<unknown> {
  const pace = new BodyPace(windowMs);
  return (request, reply) =>
    new LazyBody(async () => {
      const hold = admissions.holdOf(request, (release) => reply.raw.once('close', release));
      const reading = { limits, hold, pace };
      return EVENT_ROUTES.test(request.routeOptions.url ?? '') && request.method === 'POST'
        ? readIngestBody(request, reply, reading)
        : readJson(request, reply, reading);
    });
}

async function readIngestBody(
  request: FastifyRequest,
  reply: FastifyReply,
  reading: Reading,
): Promise<IngestBody> {
  const contentType = contentTypeOf(request, ['application/json', 'application/x-ndjson']);
  const bytes = await readBytes(request, reply, reading);
  if (bytes.length === 0) throw bodyInvalid('The body is empty.');
  return { contentType, bytes };
}

/** Undefined when there is no body, which calls without required fields allow. */
async function readJson(request: FastifyRequest, reply: FastifyReply, reading: Reading): Promise<unknown> {
  if (!hasBody(request.raw)) return undefined;
  contentTypeOf(request, ['application/json']);
  // Parsed as a whole, which takes many times the memory of the text.
  const { maxBodyBytes, maxInflatedBytes } = reading.limits;
  const limits = { maxBodyBytes, maxInflatedBytes: Math.min(maxInflatedBytes, maxBodyBytes) };
  const bytes = await readBytes(request, reply, { ...reading, limits });
  return bytes.length === 0 ? undefined : parseJson(bytes.toString('utf8'));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function contentTypeOf(
  request: FastifyRequest,
  supported: readonly (keyof typeof CONTENT_TYPES)[],
): 'json' | 'ndjson' {
  const [mediaType = '', ...parameters] = (request.headers['content-type'] ?? '').split(';');
  const known = supported.find((type) => type === mediaType.trim().toLowerCase());
  if (known === undefined) throw mediaTypeUnsupported('The content type is not supported.', supported);
  const charset = parameters
    .map((p) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/i.exec(p)?.[1])
    .find((c) => c !== undefined);
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw mediaTypeUnsupported(
      'The body must be UTF-8.',
      supported.map((type) => `${type}; charset=utf-8`),
    );
  }
  return CONTENT_TYPES[known];
}

function encodingOf(request: FastifyRequest): Encoding | undefined {
  const sent = (request.headers['content-encoding'] ?? '').trim().toLowerCase();
  if (sent === '' || sent === 'identity') return undefined;
  const known = ENCODINGS.find((encoding) => encoding === sent);
  if (known === undefined)
    throw mediaTypeUnsupported('The content encoding is not supported.', [...ENCODINGS, 'identity']);
  return known;
}

async function readBytes(request: FastifyRequest, reply: FastifyReply, reading: Reading): Promise<Buffer> {
  const { limits, hold } = reading;
  const encoding = encodingOf(request);
  if (Number(request.headers['content-length']) > limits.maxBodyBytes)
    throw bodyTooLarge(limits.maxBodyBytes, 'as sent');
  if (expectsContinue(request.raw)) reply.raw.writeContinue();
  const sent = await receive(request.raw, reading);
  const bytes = encoding === undefined ? sent : await inflate(sent, encoding, limits.maxInflatedBytes, hold);
  if (bytes !== sent) freeBuffer(sent);
  if (!isUtf8(bytes)) throw bodyInvalid('The body is not valid UTF-8.');
  return withoutByteOrderMark(bytes);
}

/** True when the client waits for "100 Continue" before it sends the body. */
export function expectsContinue(raw: IncomingMessage): boolean {
  return /^100-continue$/i.test(raw.headers.expect ?? '');
}

function withoutByteOrderMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

/** Reads the body as sent. The connection stays usable after a refusal, unless the body has stalled. */
function receive(raw: IncomingMessage, { limits, hold, pace }: Reading): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { maxBodyBytes } = limits;
    const chunks: Buffer[] = [];
    const reception = {
      receivedBytes: 0,
      giveUp: () => stop(new RequestTimeoutException('the body has stalled')),
    };
    const stop = (error?: Error) => {
      pace.forget(reception);
      raw.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
      if (error !== undefined) reject(error);
      else resolve(joinBuffers(chunks, reception.receivedBytes));
    };
    const onData = (chunk: Buffer) => {
      reception.receivedBytes += chunk.length;
      if (reception.receivedBytes > maxBodyBytes) return stop(bodyTooLarge(maxBodyBytes, 'as sent'));
      try {
        hold.take(chunk.length);
      } catch (error) {
        return stop(error as Error);
      }
      chunks.push(chunk);
    };
    const onEnd = () => stop();
    const onBroken = () => stop(bodyInvalid('The connection ended before the whole body had arrived.'));
    if (raw.destroyed) return onBroken();
    raw.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
    pace.follow(reception);
  });
}
