import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../kernel/index.js';
import { pathOf } from './problem-reply.js';

/** A request that is over. */
export interface RequestSample {
  readonly method: string;
  /** The route's pattern, so that its values are few; `unmatched` where no route took the request. */
  readonly route: string;
  /** `aborted` where the client went away before the whole answer was sent. */
  readonly status: number | 'aborted';
  readonly durationMs: number;
}

export type RequestObserver = (sample: RequestSample) => void;

const QUIET_STATUSES: ReadonlySet<RequestSample['status']> = new Set([429, 503]);

/** Calls back once when the answer is sent or the connection is gone. */
export function observeRequest(request: FastifyRequest, reply: FastifyReply, done: RequestObserver): void {
  reply.raw.once('close', () => {
    done({
      method: request.method,
      route: request.routeOptions.url ?? 'unmatched',
      status: reply.raw.writableFinished ? reply.raw.statusCode : 'aborted',
      durationMs: reply.elapsedTime,
    });
  });
}

/** One line a request. Back-pressure stays at debug: it comes in floods, and has a metric. */
export function logRequest(logger: Logger, request: FastifyRequest, sample: RequestSample): void {
  const { status } = sample;
  const failed = status === 'aborted' || (status >= 400 && !QUIET_STATUSES.has(status));
  const level = failed ? 'info' : 'debug';
  if (!logger.isLevelEnabled(level)) return;
  const { durationMs, ...facts } = sample;
  const line = {
    trace_id: request.id,
    ...facts,
    path: pathOf(request.raw.url),
    duration_ms: Math.round(durationMs),
  };
  logger[level](line, 'request');
}
