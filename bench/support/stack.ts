import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBenchPostgres } from './postgres.js';
import { startLine } from './start-line.js';

/** From dist/bench/support. */
const ROOT = new URL('../../../', import.meta.url);
const PLATFORM_KEY = 'platform-key-of-the-benchmark';
const READY_WAIT_MS = 60_000;

interface S3Server {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  stop(): Promise<void>;
}

/** A service under load: real Postgres with everything synced to disk, a real S3 server, real processes. */
export interface Stack {
  readonly databaseUrl: string;
  readonly s3: S3Server;
  readonly apiUrl: string;
  readonly api: ChildProcess;
  readonly coordinator: ChildProcess;
  /** Keys of the tenant `bench`. */
  readonly writerKey: string;
  readonly adminKey: string;
  call(method: string, path: string, key: string, body?: unknown): Promise<Response>;
  stop(): Promise<void>;
}

/**
 * One api process and one coordinator process, or one process that is both, with the tenant `bench`. `route` answers
 * another address for that of the database, then of the S3 server.
 */
export async function startStack(
  environment: Record<string, string> = {},
  processes: 'two' | 'one' = 'two',
  route: (url: string) => Promise<string> = (url) => Promise.resolve(url),
): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
  chmodSync(folder, 0o711);
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const postgres = await startBenchPostgres();
    stops.push(() => postgres.stop());
    const s3 = await startS3();
    stops.push(() => s3.stop());
    const base = {
      TIDEMARK_DATABASE_URL: await route(postgres.url),
      TIDEMARK_KEY_PEPPER: 'pepper-of-the-benchmark',
      TIDEMARK_PLATFORM_KEY: PLATFORM_KEY,
      TIDEMARK_S3_BUCKET: 'tidemark-bench',
      TIDEMARK_S3_ENDPOINT: await route(s3.endpoint),
      TIDEMARK_S3_ACCESS_KEY_ID: s3.accessKeyId,
      TIDEMARK_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
      TIDEMARK_S3_AUTO_CREATE_BUCKET: 'true',
      TIDEMARK_LOG_LEVEL: 'warn',
      ...environment,
    };
    const start = async (roles: string) => {
      const started = await startRole(roles, join(folder, roles), base);
      stops.push(() => endProcess(started.child));
      return started;
    };
    const api = await start(processes === 'one' ? 'api,coordinator,maintenance' : 'api');
    const coordinator = processes === 'one' ? api : await start('coordinator,maintenance');

    const call = (method: string, path: string, key: string, body?: unknown) =>
      fetch(api.url + path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    await ok(call('POST', '/v1/tenants', PLATFORM_KEY, { tenant_id: 'bench', name: 'Bench' }));
    const keyOf = async (roles: string[]) => {
      const response = await ok(
        call('POST', '/v1/tenants/bench/keys', PLATFORM_KEY, { name: roles[0], roles }),
      );
      return ((await response.json()) as { key: string }).key;
    };
    return {
      databaseUrl: postgres.url,
      s3,
      apiUrl: api.url,
      api: api.child,
      coordinator: coordinator.child,
      writerKey: await keyOf(['ingest_writer']),
      adminKey: await keyOf(['table_admin', 'query_reader', 'ingest_writer', 'ops_admin']),
      call,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The response, or an error that shows what the service said. */
export async function ok(pending: Promise<Response>): Promise<Response> {
  const response = await pending;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response;
}

async function startS3(): Promise<S3Server> {
  const support = (await import(new URL('test/support/minio.mjs', ROOT).href)) as {
    startMinio(): Promise<S3Server | undefined>;
  };
  const server = await support.startMinio();
  if (server === undefined)
    throw new Error('the benchmark needs an S3 server: put a minio on the PATH, or install Go');
  return server;
}

async function startRole(
  roles: string,
  dataDir: string,
  environment: Record<string, string>,
): Promise<{ child: ChildProcess; url: string }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, startLine(), {
    env: {
      PATH: process.env.PATH,
      ...environment,
      TIDEMARK_ROLES: roles,
      TIDEMARK_DATA_DIR: dataDir,
      TIDEMARK_HTTP_PORT: String(port),
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const deadline = Date.now() + READY_WAIT_MS;
  for (;;) {
    const response = await fetch(`${url}/v1/ready`).catch(() => undefined);
    if (response?.ok === true) return { child, url };
    if (child.exitCode !== null) throw new Error(`the service (${roles}) ended with ${child.exitCode}`);
    if (Date.now() > deadline)
      throw new Error(`the service (${roles}) is not ready: ${await response?.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
