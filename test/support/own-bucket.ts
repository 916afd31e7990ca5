import { randomBytes } from 'node:crypto';
import { s3FromEnvironment, type S3Server } from './minio.mjs';

export interface OwnBucket {
  readonly server: S3Server;
  readonly bucket: string;
}

/** A bucket that nobody else uses, which the service creates; undefined, said on standard error, without an S3 server. */
export function ownBucket(): OwnBucket | undefined {
  const server = s3FromEnvironment();
  if (server === undefined) console.warn('skipped: there is no S3 server (TIDEMARK_TEST_S3_ENDPOINT)');
  return server && { server, bucket: `tidemark-e2e-${randomBytes(6).toString('hex')}` };
}

const hasS3 = s3FromEnvironment() !== undefined;

/** `it` and `describe` where there is an S3 server. */
export const itOnS3 = hasS3 ? it : it.skip;
export const describeOnS3 = hasS3 ? describe : describe.skip;
