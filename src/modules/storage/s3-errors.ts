import type { S3Settings } from '../../config/index.js';
import { AppError } from '../../kernel/index.js';
import {
  InvalidObjectKeyError,
  ObjectConflictError,
  ObjectNotFoundError,
  objectStoreUnavailable,
} from './storage.errors.js';

interface S3Fault {
  /** The S3 error code, or the SDK's or the system's name for it. */
  readonly code: string;
  /** Undefined where there was no answer. */
  readonly status: number | undefined;
  readonly message: string;
}

const CREDENTIALS = [
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
  'CredentialsProviderError',
];
const PERMISSIONS = ['AccessDenied', 'AllAccessDisabled', 'AccountProblem', 'NotSignedUp'];
const REGION = [
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'InvalidLocationConstraint',
  'InvalidRegion',
];
const CHECKSUMS = [
  'NotImplemented',
  'InvalidRequest',
  'XAmzContentSHA256Mismatch',
  'InvalidDigest',
  'BadDigest',
  'MissingContentLength',
];
/** Statuses below 500 that say "later" and not "never". */
const PASSING_STATUSES = [408, 409, 429];

/** By shape: `instanceof Error` fails for errors from another realm. */
export function s3Fault(error: unknown): S3Fault {
  const { $metadata, Code, code, name, message } = (error ?? {}) as {
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly Code?: string;
    readonly code?: string;
    readonly name?: string;
    readonly message?: string;
  };
  const ownName = name === 'Error' || name === 'TypeError' ? undefined : name;
  return {
    code: Code ?? ownName ?? code ?? 'unknown',
    status: $metadata?.httpStatusCode,
    message: message ?? '',
  };
}

/** Turns what the SDK threw into the port's errors. */
export function translateS3Error(error: unknown, key: string): Error {
  if (error instanceof AppError || error instanceof InvalidObjectKeyError) return error;
  const { code, status } = s3Fault(error);
  if (code === 'NoSuchKey' || (code === 'NotFound' && status === 404))
    return new ObjectNotFoundError(key, { cause: error });
  if (status === 412 || code === 'ConditionalRequestConflict')
    return new ObjectConflictError(key, { cause: error });
  return objectStoreUnavailable(error);
}

/** Names the setting that is at fault; undefined where the store was merely not reached, or asked for patience. */
export function explainS3Error(error: unknown, settings: S3Settings): string | undefined {
  const fault = s3Fault(error instanceof AppError ? error.cause : error);
  const { code, status, message } = fault;
  const said = `${code}${message === '' || message === code ? '' : `: ${message}`}`;
  const bucket = `the bucket ${settings.bucket}`;
  if (code === 'NoSuchBucket') {
    return `There is no bucket ${settings.bucket}. Create it, correct TIDEMARK_S3_BUCKET, or set TIDEMARK_S3_AUTO_CREATE_BUCKET=true.`;
  }
  if (CREDENTIALS.includes(code)) {
    return `S3 refuses the credentials (${said}). Check TIDEMARK_S3_ACCESS_KEY_ID and TIDEMARK_S3_SECRET_ACCESS_KEY, or the SDK's credential chain where they are not set.`;
  }
  if (REGION.includes(code) || status === 301 || message.startsWith('Region not accepted')) {
    return `The region ${settings.region} is not that of ${bucket} (${said}). Correct TIDEMARK_S3_REGION.`;
  }
  if (code === 'InvalidBucketName' || code === 'BucketAlreadyExists') {
    return `${settings.bucket} cannot be the bucket (${said}). Choose another name for TIDEMARK_S3_BUCKET.`;
  }
  if (code === 'RequestTimeTooSkewed') return `The clock of this machine is wrong (${said}).`;
  if (PERMISSIONS.includes(code) || status === 401 || status === 403) {
    return `S3 denies access to ${bucket} (${said}). Grant the key of TIDEMARK_S3_ACCESS_KEY_ID ListBucket, GetObject, PutObject, DeleteObject and AbortMultipartUpload.`;
  }
  if (CHECKSUMS.includes(code) || status === 501) {
    return `The S3 server does not take what Tidemark sends (${said}). It must know conditional writes (If-None-Match)${
      settings.checksums === 'when_supported' ? ', or needs TIDEMARK_S3_CHECKSUMS=when_required' : ''
    }.`;
  }
  if (status !== undefined && status < 500 && !PASSING_STATUSES.includes(status)) {
    return `What answers at TIDEMARK_S3_ENDPOINT refuses a plain S3 call (status ${status}, ${said}).`;
  }
  return undefined;
}
