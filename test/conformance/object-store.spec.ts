import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { S3Settings } from '../../src/config/index.js';
import { FilesystemObjectStore } from '../../src/modules/storage/object-store.filesystem.js';
import { S3ObjectStore } from '../../src/modules/storage/object-store.s3.js';
import { s3FromEnvironment } from '../support/minio.mjs';
import { describeObjectStore, describeUnreachableObjectStore } from './object-store.suite.js';

const settings = (overrides: Partial<S3Settings>): S3Settings => ({
  kind: 's3',
  bucket: `tidemark-${randomUUID()}`,
  endpoint: 'http://127.0.0.1:1',
  region: 'us-east-1',
  accessKeyId: 'key',
  secretAccessKey: 'secret',
  forcePathStyle: true,
  autoCreateBucket: true,
  checksums: 'when_required',
  ...overrides,
});

describeObjectStore('filesystem', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-objects-'));
  const store = new FilesystemObjectStore(directory);
  await store.open();
  return { store, close: () => rm(directory, { recursive: true, force: true }) };
});

describeUnreachableObjectStore('filesystem whose folder is gone', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-objects-'));
  const store = new FilesystemObjectStore(directory);
  await store.open();
  await rm(directory, { recursive: true });
  return { store, close: () => store.close() };
});

describeUnreachableObjectStore('S3 without a server', () => {
  const store = new S3ObjectStore(settings({}), 'tidemark', { attempts: 1 });
  return Promise.resolve({ store, close: () => store.close() });
});

const server = s3FromEnvironment();

if (server === undefined) {
  const reason =
    'S3 IS NOT TESTED: TIDEMARK_TEST_S3_ENDPOINT is not set (npm test starts a server and sets it)';
  console.warn(reason);
  if (process.env.CI === 'true') {
    it('has an S3 server', () => {
      throw new Error(reason);
    });
  }
} else {
  for (const checksums of ['when_required', 'when_supported'] as const) {
    describeObjectStore(`S3, checksums ${checksums}`, async () => {
      const store = new S3ObjectStore(settings({ ...server, checksums }), 'conformance');
      await store.open(new AbortController().signal);
      return { store, close: () => store.close() };
    });
  }

  describeUnreachableObjectStore('S3 without the bucket', () => {
    const store = new S3ObjectStore(settings({ ...server, autoCreateBucket: false }), 'conformance');
    return Promise.resolve({ store, close: () => store.close() });
  });
}
