/** Every code a client can meet. Codes are a contract: they are only ever added. */
export const ERROR_CODES = [
  'REQUEST_INVALID',
  'IDEMPOTENCY_KEY_REQUIRED',
  'UNSUPPORTED_MEDIA_TYPE',
  'NOT_FOUND',
  'TABLE_ALREADY_EXISTS',
  'TENANT_ALREADY_EXISTS',
  'SCHEMA_VERSION_CONFLICT',
  'PIN_ALREADY_EXISTS',
  'SERVER_BUSY',
  'INTERNAL',
  'CONSISTENCY_TIMEOUT',
  'VISIBILITY_TOKEN_INVALID',
  'SNAPSHOT_NOT_FOUND',
  'SNAPSHOT_EXPIRED',
  'TABLE_NOT_FOUND',
  'SCHEMA_VIOLATION',
  'SCHEMA_INCOMPATIBLE',
  'IDEMPOTENCY_KEY_REUSED',
  'PRIMARY_KEY_REQUIRED',
  'SQL_NOT_ALLOWED',
  'SQL_INVALID',
  'QUERY_TIMEOUT',
  'QUERY_TOO_LARGE',
  'QUERY_MEMORY_EXCEEDED',
  'PAYLOAD_TOO_LARGE',
  'RATE_LIMITED',
  'QUEUE_FULL',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'INTEGRITY_CHECK_FAILED',
  'DEPENDENCY_UNAVAILABLE',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What a module declares about one of its codes; `docs/errors.md` is generated from these. */
export interface ErrorSpec {
  readonly code: ErrorCode;
  readonly title: string;
  /** What brings it about. */
  readonly cause: string;
  /** What the reader should do. */
  readonly action: string;
  /** True when sending the same request again later may succeed. */
  readonly retryable: boolean;
  /** False when an operator should look into it. */
  readonly normal: boolean;
}

const declared = new Map<ErrorCode, ErrorSpec>();

/** Declares a code. Each code is declared once, by the module that owns it. */
export function defineError(spec: ErrorSpec): ErrorSpec {
  if (declared.has(spec.code)) throw new Error(`error code ${spec.code} is declared twice`);
  declared.set(spec.code, spec);
  return spec;
}

/** All codes declared by the modules that were imported, in the order of the contract. */
export function declaredErrors(): ErrorSpec[] {
  return ERROR_CODES.flatMap((code) => declared.get(code) ?? []);
}

export interface AppErrorOptions {
  /** Facts that a program can act on, such as `table` or `violations`. Never secrets. */
  readonly context?: Record<string, unknown>;
  /** Becomes the `Retry-After` header. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error that reaches clients. `message` becomes the problem's `detail`. */
export class AppError extends Error {
  readonly context: Record<string, unknown>;
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly spec: ErrorSpec,
    detail: string,
    options: AppErrorOptions = {},
  ) {
    super(detail, { cause: options.cause });
    this.name = 'AppError';
    this.context = options.context ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }

  get code(): ErrorCode {
    return this.spec.code;
  }
}
