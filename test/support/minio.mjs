// Finds or starts a real S3 server for the tests. Plain JavaScript, so that the test runner can use it unbuilt.
/* global AbortController, AbortSignal, fetch */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

/** @typedef {import('./minio.d.mts').S3Server} S3Server */
/** @typedef {import('./minio.d.mts').StartedS3Server} StartedS3Server */

/** The drop-in fork of MinIO whose images are maintained. */
const IMAGE = 'pgsty/silo';
const MODULE = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c';

const DOCKER_ANSWER_MS = 3_000;
const BUILD_MS = 20 * 60_000;
const START_MS = 30_000;
const STOP_MS = 5_000;

const ACCESS_KEY_ID = 'tidemark-test';
const SECRET_ACCESS_KEY = 'tidemark-test-secret';

const run = promisify(execFile);

/**
 * The server that the environment names, as specs see it.
 * @returns {S3Server | undefined}
 */
export function s3FromEnvironment() {
  const endpoint = process.env.TIDEMARK_TEST_S3_ENDPOINT;
  if (!endpoint) return undefined;
  return {
    endpoint,
    accessKeyId: process.env.TIDEMARK_TEST_S3_ACCESS_KEY_ID ?? '',
    secretAccessKey: process.env.TIDEMARK_TEST_S3_SECRET_ACCESS_KEY ?? '',
  };
}

/**
 * The variables by which `s3FromEnvironment` finds `server` in a child process.
 * @param {S3Server} server
 * @returns {Record<string, string>}
 */
export function s3Environment(server) {
  return {
    TIDEMARK_TEST_S3_ENDPOINT: server.endpoint,
    TIDEMARK_TEST_S3_ACCESS_KEY_ID: server.accessKeyId,
    TIDEMARK_TEST_S3_SECRET_ACCESS_KEY: server.secretAccessKey,
  };
}

/**
 * In this order: the environment, Docker, `minio` on the PATH, the cached binary, a build with Go into the cache.
 * Undefined, with the reasons on standard error, when none of them works; where CI is true that is an error.
 * @returns {Promise<StartedS3Server | undefined>}
 */
export async function startMinio() {
  const given = s3FromEnvironment();
  if (given !== undefined) return { ...given, how: 'TIDEMARK_TEST_S3_ENDPOINT', stop: async () => undefined };
  /** @type {string[]} */
  const reasons = [];
  for (const way of [inDocker, fromPath, fromCache, builtWithGo]) {
    try {
      return await way();
    } catch (error) {
      reasons.push(`${way.name}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  }
  const message = `NO S3 SERVER FOR THE TESTS\n${reasons.map((reason) => `  - ${reason}`).join('\n')}`;
  if (process.env.CI === 'true') throw new Error(message);
  console.warn(message);
  return undefined;
}

/** @returns {Promise<StartedS3Server>} */
async function inDocker() {
  await run('docker', ['info'], { timeout: DOCKER_ANSWER_MS });
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer(IMAGE)
    .withCommand(['server', '/data'])
    .withEnvironment({ MINIO_ROOT_USER: ACCESS_KEY_ID, MINIO_ROOT_PASSWORD: SECRET_ACCESS_KEY })
    .withExposedPorts(9000)
    .withWaitStrategy(Wait.forHttp('/minio/health/live', 9000))
    .start();
  return {
    endpoint: `http://${container.getHost()}:${container.getMappedPort(9000)}`,
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey: SECRET_ACCESS_KEY,
    how: `Docker image ${IMAGE}`,
    stop: async () => void (await container.stop()),
  };
}

/** @returns {Promise<StartedS3Server>} */
async function fromPath() {
  for (const folder of (process.env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const binary = join(folder, 'minio');
    if (await isExecutable(binary)) return launch(binary);
  }
  throw new Error('there is no minio on the PATH');
}

/** @returns {Promise<StartedS3Server>} */
async function fromCache() {
  const binary = cachedBinary();
  if (!(await isExecutable(binary))) throw new Error(`there is no ${binary}`);
  return launch(binary);
}

/** @returns {Promise<StartedS3Server>} */
async function builtWithGo() {
  await run('go', ['version']).catch(() => {
    throw new Error('there is no go to build it with');
  });
  console.warn(`building MinIO with Go for the tests, once; this takes some minutes (${MODULE})`);
  const binary = cachedBinary();
  await mkdir(join(binary, '..'), { recursive: true });
  // Built aside, then renamed: two runs at once, or one that is stopped, leave no half binary.
  const aside = await mkdtemp(`${binary}-build-`);
  try {
    await run('go', ['install', MODULE], { env: { ...process.env, GOBIN: aside }, timeout: BUILD_MS });
    await rename(join(aside, 'minio'), binary);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return launch(binary);
}

function cachedBinary() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tidemark-tools', 'minio');
}

/** @param {string} path */
async function isExecutable(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * @param {string} binary
 * @returns {Promise<StartedS3Server>}
 */
async function launch(binary) {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-minio-'));
  const [port, consolePort] = await freePorts(2);
  const child = spawn(
    binary,
    [
      'server',
      folder,
      '--quiet',
      '--address',
      `127.0.0.1:${port}`,
      '--console-address',
      `127.0.0.1:${consolePort}`,
    ],
    {
      env: {
        ...process.env,
        MINIO_ROOT_USER: ACCESS_KEY_ID,
        MINIO_ROOT_PASSWORD: SECRET_ACCESS_KEY,
        MINIO_BROWSER: 'off',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  let ended = false;
  child.stderr.on('data', (chunk) => (said = (said + String(chunk)).slice(-2_000)));
  const exited = once(child, 'exit')
    .catch((error) => (said += String(error)))
    .finally(() => (ended = true));
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    child.kill('SIGTERM');
    const late = new AbortController();
    await Promise.race([
      exited,
      delay(STOP_MS, undefined, { signal: late.signal }).then(kill, () => undefined),
    ]);
    late.abort();
    await exited;
    process.removeListener('exit', kill);
    await rm(folder, { recursive: true, force: true });
  };
  const endpoint = `http://127.0.0.1:${port}`;
  try {
    await untilAlive(endpoint, () => ended);
  } catch (error) {
    await stop();
    throw new Error(
      `${binary} did not start (${error instanceof Error ? error.message : String(error)}): ${said}`,
      { cause: error },
    );
  }
  return { endpoint, accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET_ACCESS_KEY, how: binary, stop };
}

/**
 * @param {string} endpoint
 * @param {() => boolean} hasEnded
 */
async function untilAlive(endpoint, hasEnded) {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    if (hasEnded()) throw new Error('it ended at once');
    const alive = await fetch(`${endpoint}/minio/health/live`, { signal: AbortSignal.timeout(1_000) }).then(
      (answer) => answer.ok,
      () => false,
    );
    if (alive) return;
    await delay(50);
  }
  throw new Error(`no answer within ${START_MS} ms`);
}

/** @param {number} count */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map(
    (server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port,
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
