import { isNativeError } from 'node:util/types';
import { AppError, DEPENDENCY_UNAVAILABLE } from '../kernel/index.js';

/** SQLSTATEs that the rest of the code acts on. They are named here and nowhere else. */
export const SQLSTATE = {
  uniqueViolation: '23505',
  lockNotAvailable: '55P03',
  deadlock: '40P01',
  serializationFailure: '40001',
  noSuchDatabase: '3D000',
  /** Of a kept plan too, whose result would have other types now. */
  notSupported: '0A000',
  unknownPlan: '26000',
  /** Raised by the functions of the bus and of publication; see the migrations that create them. */
  ingestDuplicate: 'TM001',
  ingestRotated: 'TM002',
  ingestEpochChanged: 'TM003',
  claimHeadMoved: 'TM004',
  publicationRefused: 'TM005',
} as const;

/** Connection exceptions, insufficient resources, operator intervention. */
const UNAVAILABLE_CLASSES = ['08', '53', '57P'];
const UNAVAILABLE_STATES = new Set<string>([
  SQLSTATE.lockNotAvailable,
  SQLSTATE.noSuchDatabase,
  // Cancelled by a timeout; idle in a transaction for too long; a standby, in a failover.
  '57014',
  '25P03',
  '25006',
]);
const UNAVAILABLE_ERRNOS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
const UNAVAILABLE_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Query read timeout',
  'Cannot use a pool after calling end',
  // TypeORM gives a transaction's connection up as soon as the server ends the session between two statements.
  'Database connection provided by a query runner was already released',
  'Query runner already released',
];

interface DriverError extends Error {
  readonly code?: string;
  readonly constraint?: string;
  readonly driverError?: DriverError;
  /** Of an AggregateError: one for each address that was tried. */
  readonly errors?: readonly unknown[];
}

function driverErrorOf(error: unknown): DriverError | undefined {
  // Not instanceof: errors of Node's own modules come from another realm where a test runner gives each file its own.
  if (!isNativeError(error)) return undefined;
  const wrapped = error as DriverError;
  return wrapped.driverError ?? wrapped;
}

/** The SQLSTATE of a failed statement, through TypeORM's wrapping. */
export function sqlStateOf(error: unknown): string | undefined {
  return driverErrorOf(error)?.code;
}

/** The constraint or unique index that a failed statement ran into. */
export function constraintOf(error: unknown): string | undefined {
  return driverErrorOf(error)?.constraint;
}

/** True when a statement waited for a lock longer than its `lock_timeout`, also where that was translated. */
export function isLockTimeout(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  return sqlStateOf(cause) === SQLSTATE.lockNotAvailable;
}

/** True when the user, the password or the address was not accepted. */
export function isLoginRefused(error: unknown): boolean {
  return sqlStateOf(error)?.startsWith('28') === true;
}

/** True when the database was away, full or too slow, which says nothing about the statement itself. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const driverError = driverErrorOf(error);
  if (driverError === undefined) return false;
  const code = driverError.code ?? '';
  if (UNAVAILABLE_ERRNOS.has(code) || UNAVAILABLE_STATES.has(code)) return true;
  if (UNAVAILABLE_CLASSES.some((prefix) => code.startsWith(prefix))) return true;
  if (Array.isArray(driverError.errors)) return driverError.errors.some(isDatabaseUnavailable);
  return UNAVAILABLE_MESSAGES.some((text) => driverError.message.includes(text));
}

/** Runs `work` and turns "the database is away" into DEPENDENCY_UNAVAILABLE; other errors pass. */
export async function translateDatabaseError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError || !isDatabaseUnavailable(error)) throw error;
    throw new AppError(DEPENDENCY_UNAVAILABLE, 'The database is not available.', {
      context: { dependency: 'postgres' },
      retryAfterMs: 1000,
      cause: error,
    });
  }
}
