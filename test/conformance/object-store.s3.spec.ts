import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Settings } from '../../src/config/index.js';
import { ObjectConflictError } from '../../src/modules/storage/index.js';
import { S3ObjectStore, type S3Limits } from '../../src/modules/storage/object-store.s3.js';
import { s3FromEnvironment, type S3Server } from '../support/minio.mjs';

const MIB = 1024 * 1024;
const ONCE: Partial<S3Limits> = { attempts: 1 };
/** For servers that do not answer. One that does may need longer. */
const QUICK: Partial<S3Limits> = { ...ONCE, requestMs: 300, idleMs: 300 };
const never = new AbortController().signal;

const settingsFor = (server: S3Server, overrides: Partial<S3Settings> = {}): S3Settings => ({
  kind: 's3',
  bucket: `tidemark-${randomUUID()}`,
  region: 'us-east-1',
  forcePathStyle: true,
  autoCreateBucket: true,
  checksums: 'when_required',
  ...server,
  ...overrides,
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-s3-store-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const localFile = async (content: Buffer | string): Promise<string> => {
  const path = join(folder, randomUUID());
  await writeFile(path, content);
  return path;
};

describe('S3ObjectStore, with a server that misbehaves', () => {
  let server: Server;
  let store: S3ObjectStore;
  let requests: string[];

  const serve = async (answer: RequestListener, limits: Partial<S3Limits> = ONCE): Promise<void> => {
    requests = [];
    server = createServer((request, response) => {
      requests.push(request.method ?? '');
      request.resume();
      answer(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}`;
    store = new S3ObjectStore(
      settingsFor({ endpoint, accessKeyId: 'key', secretAccessKey: 'secret' }),
      'tidemark',
      limits,
    );
  };
  afterEach(async () => {
    await store.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const unavailable = { code: 'DEPENDENCY_UNAVAILABLE' };
  const target = () => join(folder, randomUUID());

  it('gives up on a request that is not answered', async () => {
    await serve(() => undefined, QUICK);
    await expect(store.stat('a')).rejects.toMatchObject(unavailable);
    await expect(store.putFile('a', await localFile('x'))).rejects.toMatchObject(unavailable);
  });

  it('gives up on a body that stops coming, and keeps nothing of it', async () => {
    await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half');
    }, QUICK);
    const path = target();
    await expect(store.getToFile('a', path)).rejects.toMatchObject(unavailable);
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(store.read('a', { offset: 0, length: 1000 })).rejects.toMatchObject(unavailable);
  });

  it('takes no body that was cut for a whole one', async () => {
    await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half', () => response.destroy());
    });
    const path = target();
    await expect(store.getToFile('a', path)).rejects.toMatchObject(unavailable);
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(store.read('a', { offset: 0, length: 1000 })).rejects.toMatchObject(unavailable);
  });

  it('takes no whole object for a range of it', async () => {
    await serve((_request, response) => response.end('the whole object'));
    await expect(store.read('a', { offset: 4, length: 5 })).rejects.toMatchObject(unavailable);
  });

  it('retries what may pass, three times and no more', async () => {
    await serve((_request, response) => response.writeHead(503).end(), {});
    await expect(store.stat('a')).rejects.toMatchObject(unavailable);
    expect(requests).toHaveLength(3);
  });

  it.each([
    ['AuthorizationHeaderMalformed', 400, 'TIDEMARK_S3_REGION'],
    ['PermanentRedirect', 301, 'TIDEMARK_S3_REGION'],
    ['AccessDenied', 403, 'PutObject'],
    ['ExpiredToken', 400, 'TIDEMARK_S3_ACCESS_KEY_ID'],
    ['RequestTimeTooSkewed', 403, 'clock'],
    ['NotImplemented', 501, 'If-None-Match'],
  ])('names what to change for %s', async (code, status, expected) => {
    await serve((_request, response) =>
      response
        .writeHead(status, { 'content-type': 'application/xml' })
        .end(`<Error><Code>${code}</Code></Error>`),
    );
    const error = await store.open(never).catch((reason: unknown) => reason);
    expect(error).toMatchObject(unavailable);
    expect(store.misconfiguration(error)).toContain(expected);
  });

  it.each([
    ['SlowDown', 503],
    ['InternalError', 500],
    ['TooManyRequests', 429],
  ])('takes %s for a passing fault', async (code, status) => {
    await serve((_request, response) =>
      response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`),
    );
    const error = await store.open(never).catch((reason: unknown) => reason);
    expect(error).toMatchObject(unavailable);
    expect(store.misconfiguration(error)).toBeUndefined();
  });

  it('says what the server answered where it is not an S3 server', async () => {
    await serve((_request, response) => response.writeHead(400).end('<html>Bad Request</html>'));
    const error = await store.open(never).catch((reason: unknown) => reason);
    expect(error).toMatchObject(unavailable);
    expect(store.misconfiguration(error)).toContain('TIDEMARK_S3_ENDPOINT');
  });
});

it('names the region where it cannot be one', async () => {
  const server = { endpoint: 'http://127.0.0.1:1', accessKeyId: 'key', secretAccessKey: 'secret' };
  const store = new S3ObjectStore(settingsFor(server, { region: 'not a region' }), 'tidemark', ONCE);
  const error = await store.open(never).catch((reason: unknown) => reason);
  expect(store.misconfiguration(error)).toContain('TIDEMARK_S3_REGION');
  await store.close();
});

const server = s3FromEnvironment();
if (server === undefined) {
  console.warn(
    'S3 IS NOT TESTED: TIDEMARK_TEST_S3_ENDPOINT is not set (npm test starts a server and sets it)',
  );
} else {
  describe('S3ObjectStore, on a real server', () => {
    const stores: S3ObjectStore[] = [];
    afterEach(async () => {
      for (const store of stores.splice(0)) await store.close();
    });
    const storeWith = (overrides: Partial<S3Settings>, limits: Partial<S3Limits> = {}): S3ObjectStore => {
      const store = new S3ObjectStore(settingsFor(server, overrides), 'tidemark', limits);
      stores.push(store);
      return store;
    };
    const open = async (store: S3ObjectStore): Promise<unknown> =>
      store.open(never).then(
        () => undefined,
        (error: unknown) => store.misconfiguration(error) ?? error,
      );

    it('creates the bucket when it may, once, even from several processes at once', async () => {
      const bucket = `tidemark-${randomUUID()}`;
      const opened = await Promise.all(Array.from({ length: 4 }, () => open(storeWith({ bucket }))));
      expect(opened).toEqual([undefined, undefined, undefined, undefined]);
      expect(await open(storeWith({ bucket, autoCreateBucket: false }))).toBeUndefined();
    });

    it.each([
      ['a bucket that is missing', { autoCreateBucket: false }, 'TIDEMARK_S3_AUTO_CREATE_BUCKET=true'],
      ['an access key that is unknown', { accessKeyId: 'nobody' }, 'TIDEMARK_S3_ACCESS_KEY_ID'],
      ['a wrong secret', { secretAccessKey: 'wrong-secret' }, 'TIDEMARK_S3_SECRET_ACCESS_KEY'],
      ['a bucket name that cannot be', { bucket: 'No_Bucket' }, 'TIDEMARK_S3_BUCKET'],
    ])('names the setting for %s', async (_what, overrides, expected) => {
      const said = await open(storeWith(overrides));
      expect(said).toContain(expected);
      expect(said).not.toContain(server.secretAccessKey);
    });

    it('takes a server that is not there for a passing fault', async () => {
      const error = await open(storeWith({ endpoint: 'http://127.0.0.1:1' }));
      expect(error).toMatchObject({ code: 'DEPENDENCY_UNAVAILABLE' });
    });

    it('leaves no parts of an upload that was aborted or refused', async () => {
      const bucket = `tidemark-${randomUUID()}`;
      const store = storeWith({ bucket }, { partBytes: 5 * MIB });
      await open(store);
      const path = await localFile(randomBytes(16 * MIB));
      await expect(store.putFile('big', path, { sha256: 'a'.repeat(64) })).rejects.toMatchObject({
        code: 'INTEGRITY_CHECK_FAILED',
      });
      await store.putFile('taken', await localFile('x'));
      await expect(store.putFile('taken', path)).rejects.toBeInstanceOf(ObjectConflictError);
      const client = new S3Client({ ...clientConfig(server) });
      const { Uploads } = await client.send(
        new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: 'big' }),
      );
      expect(Uploads ?? []).toEqual([]);
      client.destroy();
    });

    it('takes an object of somebody else under its key for a conflict', async () => {
      const bucket = `tidemark-${randomUUID()}`;
      const store = storeWith({ bucket });
      await open(store);
      const client = new S3Client({ ...clientConfig(server) });
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'a', Body: 'x' }));
      client.destroy();
      await expect(store.putFile('a', await localFile('x'))).rejects.toBeInstanceOf(ObjectConflictError);
    });
  });
}

function clientConfig({ endpoint, accessKeyId, secretAccessKey }: S3Server) {
  return {
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  };
}
