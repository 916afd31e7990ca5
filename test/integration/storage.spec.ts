import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Test, type TestingModule } from '@nestjs/testing';
import { ConfigModule, loadSettings, type Environment } from '../../src/config/index.js';
import { armFailpoints, createLogger, KernelModule } from '../../src/kernel/index.js';
import {
  FileCache,
  OBJECT_STORE,
  ObjectKeys,
  ObjectStoreMisconfiguredError,
  StorageModule,
  type ByteRange,
  type ObjectDigest,
  type ObjectStat,
  type ObjectStore,
} from '../../src/modules/storage/index.js';
import { FilesystemObjectStore } from '../../src/modules/storage/object-store.filesystem.js';
import { SelfTestedObjectStore } from '../../src/modules/storage/object-store.self-tested.js';
import { s3FromEnvironment, type S3Server } from '../support/minio.mjs';
import { makeTempFolder } from '../support/temp-folder.js';

/** Beyond what a test may take. */
const LONG_MS = 600_000;
const never = new AbortController().signal;

let root: string;
let modules: TestingModule[];
beforeEach(async () => {
  root = await makeTempFolder('storage');
  modules = [];
});
afterEach(async () => {
  for (const started of modules) await started.close();
  await rm(root, { recursive: true, force: true });
});

const startStorage = async (env: Environment = {}): Promise<TestingModule> => {
  const settings = loadSettings({
    TIDEMARK_DATA_DIR: join(root, 'data'),
    TIDEMARK_S3_PREFIX: 'lake',
    ...env,
  });
  const started = await Test.createTestingModule({
    imports: [
      KernelModule.forRoot(createLogger('silent')),
      ConfigModule.forSettings(settings),
      StorageModule,
    ],
  }).compile();
  modules.push(started);
  return started.init();
};

/** One object on its whole way: put, acquired, and gone again. */
const roundTrip = async (storage: TestingModule): Promise<void> => {
  const store = storage.get<ObjectStore>(OBJECT_STORE);
  const key = storage.get(ObjectKeys).dataFile({ tenantId: 'acme', tableId: 1, writer: 7 });
  const path = join(root, randomUUID());
  await writeFile(path, 'events');
  const digest = await store.putFile(key, path);
  const lease = await storage.get(FileCache).acquire({ key, ...digest });
  lease.release();
  const { objects } = await store.list('lake/', { limit: 10 });
  expect(objects.map((object) => object.key)).toEqual([key]);
};

describe('StorageModule', () => {
  it('keeps objects in a folder when there is no bucket, and leaves nothing of its self test', async () => {
    await roundTrip(await startStorage());
    expect(await readdir(join(root, 'data', 'cache'))).toEqual(['0']);
  });

  it('fails the start where the folder cannot be used', async () => {
    await writeFile(join(root, 'data'), 'a file and no folder');
    await expect(startStorage()).rejects.toThrow('TIDEMARK_DATA_DIR');
  });

  it('starts without an S3 server, and says in every call that it is not there', async () => {
    const storage = await startStorage({
      TIDEMARK_S3_BUCKET: 'bucket',
      TIDEMARK_S3_ENDPOINT: 'http://127.0.0.1:1',
      TIDEMARK_S3_ACCESS_KEY_ID: 'key',
      TIDEMARK_S3_SECRET_ACCESS_KEY: 'secret',
    });
    const store = storage.get<ObjectStore>(OBJECT_STORE);
    const unavailable = { code: 'DEPENDENCY_UNAVAILABLE' };
    await expect(store.check(never)).rejects.toMatchObject(unavailable);
    await expect(store.stat('a')).rejects.toMatchObject(unavailable);
  });
});

describe('a put whose answer is lost', () => {
  const put = async (storage: TestingModule) => {
    const store = storage.get<ObjectStore>(OBJECT_STORE);
    const key = storage.get(ObjectKeys).dataFile({ tenantId: 'acme', tableId: 1, writer: 7 });
    const path = join(root, randomUUID());
    await writeFile(path, 'events');
    return { store, key, path };
  };
  afterEach(() => armFailpoints([]));

  it('has succeeded where the store holds the content of the file', async () => {
    armFailpoints([{ name: 'store.put.done', action: 'unavailable', count: 1 }]);
    const { store, key, path } = await put(await startStorage());
    const sha256 = createHash('sha256').update('events').digest('hex');
    expect(await store.putFile(key, path)).toEqual({ sizeBytes: 6, sha256 });
    expect((await readdir(root)).sort()).toEqual(['data', path.slice(root.length + 1)].sort());
  });

  it.each(['unavailable', 'truncate'] as const)(
    'has failed where it holds none or half of it (%s)',
    async (action) => {
      armFailpoints([{ name: 'store.put', action, count: 1 }]);
      const { store, key, path } = await put(await startStorage());
      await expect(store.putFile(key, path)).rejects.toMatchObject({ code: 'DEPENDENCY_UNAVAILABLE' });
      expect((await store.stat(key))?.sizeBytes).toBe(action === 'truncate' ? 3 : undefined);
    },
  );

  it('has failed where nobody can tell, and nothing is deleted', async () => {
    armFailpoints([
      { name: 'store.put.done', action: 'unavailable', count: 1 },
      { name: 'store.stat', action: 'unavailable', count: 1 },
    ]);
    const { store, key, path } = await put(await startStorage());
    await expect(store.putFile(key, path)).rejects.toMatchObject({ code: 'DEPENDENCY_UNAVAILABLE' });
    expect((await store.stat(key))?.sizeBytes).toBe(6);
  });
});

describe('the self test', () => {
  const faults: [string, (store: FilesystemObjectStore) => object][] = [
    [
      'lets an object be overwritten',
      (store) => ({
        putFile: async (key: string, path: string): Promise<ObjectDigest> => {
          await store.delete(key);
          return store.putFile(key, path);
        },
      }),
    ],
    [
      'does not find an object',
      () => ({ stat: (): Promise<ObjectStat | undefined> => Promise.resolve(undefined) }),
    ],
    [
      'does not answer a ranged read',
      (store) => ({ read: (key: string, range: ByteRange) => store.read(key, { ...range, offset: 0 }) }),
    ],
    ['does not list an object', () => ({ list: () => Promise.resolve({ objects: [], next: undefined }) })],
    ['still has an object that was deleted', () => ({ delete: () => Promise.resolve() })],
  ];

  it.each(faults)('refuses a store that %s', async (fault, breakIt) => {
    const adapter = new FilesystemObjectStore(join(root, 'objects'));
    const broken = new FilesystemObjectStore(join(root, 'objects'));
    Object.assign(broken, breakIt(adapter));
    const options = {
      scratchDir: join(root, 'scratch'),
      newKey: () => `test/${randomUUID()}`,
      timeoutMs: LONG_MS,
    };
    const store = new SelfTestedObjectStore(broken, options, createLogger('silent'));
    const error = await store.start().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ObjectStoreMisconfiguredError);
    expect(String(error)).toContain(fault);
    await expect(store.stat('a')).rejects.toMatchObject({ code: 'DEPENDENCY_UNAVAILABLE', cause: error });
    expect(await readdir(join(root, 'scratch'))).toEqual([]);
  });

  it('runs once for all calls that wait for it, and lets one of them go', async () => {
    const adapter = new FilesystemObjectStore(join(root, 'objects'));
    let tests = 0;
    const newKey = () => `test/${(tests += 1)}`;
    const options = { scratchDir: join(root, 'scratch'), newKey, timeoutMs: LONG_MS };
    const store = new SelfTestedObjectStore(adapter, options, createLogger('silent'));
    const leaving = new AbortController();
    const left = store.stat('a', { signal: leaving.signal });
    const stays = Promise.all([store.stat('a'), store.stat('b'), store.list('', { limit: 1 })]);
    leaving.abort(new Error('the caller went away'));
    await expect(left).rejects.toThrow('the caller went away');
    await stays;
    await store.stat('a');
    expect(tests).toBe(1);
  });
});

const server = s3FromEnvironment();
if (server === undefined) {
  console.warn(
    'S3 IS NOT TESTED: TIDEMARK_TEST_S3_ENDPOINT is not set (npm test starts a server and sets it)',
  );
} else {
  describe('StorageModule on S3', () => {
    const s3 = (overrides: Environment = {}): Environment => ({
      TIDEMARK_S3_BUCKET: `tidemark-${randomUUID()}`,
      TIDEMARK_S3_ENDPOINT: server.endpoint,
      TIDEMARK_S3_ACCESS_KEY_ID: server.accessKeyId,
      TIDEMARK_S3_SECRET_ACCESS_KEY: server.secretAccessKey,
      TIDEMARK_S3_AUTO_CREATE_BUCKET: 'true',
      ...overrides,
    });

    it('creates the bucket and works', async () => {
      await roundTrip(await startStorage(s3()));
    });

    it.each([
      [{ TIDEMARK_S3_AUTO_CREATE_BUCKET: 'false' }, 'TIDEMARK_S3_AUTO_CREATE_BUCKET'],
      [{ TIDEMARK_S3_SECRET_ACCESS_KEY: 'wrong-secret' }, 'TIDEMARK_S3_SECRET_ACCESS_KEY'],
      [{ TIDEMARK_S3_REGION: 'not a region' }, 'TIDEMARK_S3_REGION'],
    ])('fails the start for %p', async (overrides, named) => {
      await expect(startStorage(s3(overrides))).rejects.toThrow(named);
    });

    it('goes on by itself when a server that was out of reach comes back', async () => {
      const link = new Link(server);
      await link.listen();
      await link.cut();
      const storage = await startStorage(s3({ TIDEMARK_S3_ENDPOINT: link.endpoint }));
      const store = storage.get<ObjectStore>(OBJECT_STORE);
      await expect(store.check(never)).rejects.toMatchObject({
        code: 'DEPENDENCY_UNAVAILABLE',
      });
      await link.listen();
      await store.check(never);
      await roundTrip(storage);
      await link.cut();
      await expect(store.check(never)).rejects.toMatchObject({
        code: 'DEPENDENCY_UNAVAILABLE',
      });
    });
  });
}

/** A connection to the server that can be cut and mended, always at the same address. */
class Link {
  private port = 0;
  private listener: Server | undefined;
  private readonly sockets = new Set<Socket>();

  constructor(private readonly target: S3Server) {}

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async listen(): Promise<void> {
    const { hostname, port } = new URL(this.target.endpoint);
    this.listener = createServer((near) => {
      const far = connect(Number(port), hostname);
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => [near, far].forEach((one) => one.destroy()));
      }
      near.pipe(far).pipe(near);
    }).listen(this.port, '127.0.0.1');
    await once(this.listener, 'listening');
    this.port = (this.listener.address() as AddressInfo).port;
  }

  async cut(): Promise<void> {
    const closed = once(this.listener!, 'close');
    this.listener?.close();
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    await closed;
  }
}
