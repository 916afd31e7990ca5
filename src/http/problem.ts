import { HttpException } from '@nestjs/common';
import { isDatabaseUnavailable } from '../database/index.js';
import {
  AppError,
  declaredErrors,
  DEPENDENCY_UNAVAILABLE,
  INTERNAL,
  NOT_FOUND,
  PAYLOAD_TOO_LARGE,
  REQUEST_INVALID,
  SERVER_BUSY,
  UNSUPPORTED_MEDIA_TYPE,
  type ErrorCode,
  type ErrorSpec,
} from '../kernel/index.js';
import { STATUS_OF } from './problem-status.js';

/** A refusal as RFC 9457 has it, with our members. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance?: string;
  readonly error_code: ErrorCode;
  readonly retryable: boolean;
  readonly context: Record<string, unknown>;
  readonly trace_id: string;
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8';

/** A page of this service; see `renderErrorsPage`. */
export const problemType = (code: ErrorCode): string => `/docs/errors#${code}`;

/** What is known of the request that failed. */
export interface Occurrence {
  readonly traceId: string;
  /** Path without its query, which may hold what should not be repeated. */
  readonly path: string | undefined;
}

/** `status` only where HTTP has a more exact one than the code's own: 405, 408, 414, 417, 431. */
export function problemOf(error: AppError, occurrence: Occurrence, status = STATUS_OF[error.code]): Problem {
  return {
    type: problemType(error.code),
    title: error.spec.title,
    status,
    detail: error.message,
    ...(occurrence.path !== undefined && { instance: occurrence.path }),
    error_code: error.code,
    retryable: error.spec.retryable,
    context: error.context,
    trace_id: occurrence.traceId,
  };
}

/** Headers that go with the problem, the content type included. */
export function problemHeaders(problem: Problem, error: AppError): Record<string, string> {
  return {
    'Content-Type': PROBLEM_CONTENT_TYPE,
    'Cache-Control': 'no-store',
    'Request-Id': problem.trace_id,
    ...(error.retryAfterMs !== undefined && {
      'Retry-After': String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))),
    }),
    ...(problem.status === 401 && { 'WWW-Authenticate': 'Bearer realm="tidemark"' }),
  };
}

/** An `AppError`, and the status where it is not the code's own. */
export interface Refusal {
  readonly error: AppError;
  readonly status?: number;
}

/** Turns whatever was thrown into what the client may know. The rest stays in `cause`, for the log. */
export function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof AppError) return { error: thrown };
  const wrapped = thrown instanceof HttpException ? thrown.cause : undefined;
  const status = statusOf(thrown);
  if (status !== undefined && status < 500) return clientRefusal(status, wrapped ?? thrown);
  if (isDatabaseUnavailable(thrown)) {
    const context = { dependency: 'postgres' };
    const options = { context, retryAfterMs: 1000, cause: thrown };
    return { error: new AppError(DEPENDENCY_UNAVAILABLE, 'The database is not available.', options) };
  }
  if (status === 503) {
    const options = { retryAfterMs: 1000, cause: thrown };
    return { error: new AppError(SERVER_BUSY, 'The server cannot take this request now.', options) };
  }
  return { error: new AppError(INTERNAL, 'An unexpected error occurred.', { cause: thrown }) };
}

/** The status that Nest or Fastify gave an error of their own. */
function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  if (!(thrown instanceof Error) || thrown.name !== 'FastifyError') return undefined;
  const { statusCode } = thrown as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : undefined;
}

const CLIENT_REFUSALS: Readonly<Record<number, readonly [ErrorSpec, string]>> = {
  404: [NOT_FOUND, 'There is nothing here.'],
  405: [REQUEST_INVALID, 'This path does not take this method.'],
  408: [REQUEST_INVALID, 'The request took too long to arrive.'],
  413: [PAYLOAD_TOO_LARGE, 'The body is too large.'],
  414: [REQUEST_INVALID, 'The path is too long.'],
  415: [UNSUPPORTED_MEDIA_TYPE, 'The content type is not supported.'],
  417: [REQUEST_INVALID, 'The expectation cannot be met.'],
  431: [REQUEST_INVALID, 'The headers are too large.'],
};

const CODES_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  429: 'RATE_LIMITED',
};

/** A 4xx that did not come from our own code: the framework's words are not repeated. */
export function clientRefusal(status: number, cause: unknown): Refusal {
  const [spec, detail] = CLIENT_REFUSALS[status] ?? [
    declaredErrors().find(({ code }) => code === CODES_BY_STATUS[status]) ?? REQUEST_INVALID,
    'The request is not valid.',
  ];
  return { error: new AppError(spec, detail, { cause }), status };
}
