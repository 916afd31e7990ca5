import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createTestDatabase } from './postgres.js';
import type { S3Server } from './minio.mjs';
import { expectOk, ServiceClient, type Column } from './service-client.js';
import { until } from './until.js';

/** Where the built service is. */
export const DIST = resolve(import.meta.dirname, '../..', process.env.TIDEMARK_TEST_DIST ?? 'dist');

export interface ServiceOptions {
  /** All three when absent. */
  readonly roles?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another build than `DIST`. */
  readonly dist?: string;
  /** A URL, or `embedded`; when absent a database of its own, dropped by `dispose`. */
  readonly databaseUrl?: string;
  /** A folder of the data dir when absent. */
  readonly s3?: { readonly server: S3Server; readonly bucket: string };
}

/** The file that the embedded default writes. */
export interface Credentials {
  readonly url: string;
  readonly tenant: string;
  readonly platform_key: string;
  readonly keys: { readonly writer: string; readonly reader: string; readonly admin: string };
}

const START_MS = 60_000;
const STOP_MS = 30_000;
const SHOWN_LOG_CHARS = 6_000;
const PLATFORM_KEY = 'platform-key-of-the-tests';
const KEY_PEPPER = 'key-pepper-of-the-tests';

/** The built service as a process of its own, with its own data dir. */
export class TestService {
  url = '';
  private child: ChildProcess | undefined;
  private log = '';
  private shownChars = 0;
  private wasKilled = false;

  private constructor(
    readonly dataDir: string,
    private readonly env: Record<string, string>,
    private readonly dropDatabase: () => Promise<void>,
    private readonly dist: string,
  ) {
    showOnFailure(() => {
      const unseen = this.log.slice(this.shownChars).slice(-SHOWN_LOG_CHARS);
      this.shownChars = this.log.length;
      if (unseen !== '') process.stderr.write(`---- log of the service on ${this.dataDir}\n${unseen}----\n`);
    });
  }

  /** Resolves when `/v1/ready` answers 200. */
  static async start(options: ServiceOptions = {}): Promise<TestService> {
    const dataDir = mkdtempSync(join(tmpdir(), 'tidemark-e2e-'));
    // The user that Postgres runs as has to get through.
    chmodSync(dataDir, 0o711);
    const own = options.databaseUrl === undefined ? await createTestDatabase() : undefined;
    const databaseUrl = own?.url ?? options.databaseUrl;
    const service = new TestService(
      dataDir,
      {
        TIDEMARK_DATA_DIR: dataDir,
        TIDEMARK_HTTP_PORT: '0',
        ...(options.roles !== undefined && { TIDEMARK_ROLES: options.roles }),
        ...(databaseUrl !== undefined &&
          databaseUrl !== 'embedded' && {
            TIDEMARK_DATABASE_URL: databaseUrl,
            TIDEMARK_PLATFORM_KEY: PLATFORM_KEY,
            TIDEMARK_KEY_PEPPER: KEY_PEPPER,
          }),
        ...(options.s3 !== undefined && s3Settings(options.s3)),
        ...options.env,
      },
      async () => own?.drop(),
      options.dist ?? DIST,
    );
    try {
      await service.launch();
    } catch (error) {
      await service.dispose();
      throw error;
    }
    return service;
  }

  /** Starts it again on the same data. The port changes. */
  async launch(env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.url = '';
    this.wasKilled = false;
    const launchedAt = this.log.length;
    const child = spawn(process.execPath, [join(this.dist, 'src/main.js')], {
      cwd: this.dataDir,
      env: { ...inherited(), ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log += text;
        this.url ||=
          /(?:Tidemark listens on |"url":")(http:\/\/[^\s"]+)/.exec(this.log.slice(launchedAt))?.[1] ?? '';
      });
    }
    await until('the service to listen', START_MS, () => {
      if (this.hasEnded)
        throw new Error(`the service ended (${child.exitCode ?? child.signalCode}):\n${this.log}`);
      return this.url !== '';
    });
    await until(
      'the service to be ready',
      START_MS,
      async () => (await this.client().get('/v1/ready')).status === 200,
    );
  }

  client(key?: string): ServiceClient {
    return new ServiceClient(this.url, key);
  }

  get platform(): ServiceClient {
    return this.client(existsSync(this.credentialsFile) ? this.credentials().platform_key : PLATFORM_KEY);
  }

  /** Of the embedded default. */
  credentials(): Credentials {
    return JSON.parse(readFileSync(this.credentialsFile, 'utf8')) as Credentials;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** What it wrote to both streams, over all its starts. */
  get output(): string {
    return this.log;
  }

  async kill(): Promise<void> {
    if (this.hasEnded || this.child === undefined) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
    this.wasKilled = true;
  }

  /** Throws when it does not end cleanly. */
  async stop(): Promise<void> {
    const { child } = this;
    if (child === undefined || this.hasEnded) return;
    const exited = once(child, 'exit');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.kill('SIGTERM');
    await exited;
    clearTimeout(late);
    if (child.exitCode !== 0) {
      throw new Error(
        `the service ended with ${child.exitCode ?? child.signalCode}:\n${this.log.slice(-SHOWN_LOG_CHARS)}`,
      );
    }
  }

  /** Stops it and removes its data and its database. Throws when the stop was not clean. */
  async dispose(): Promise<void> {
    try {
      // A killed service leaves its Postgres behind, which the next start takes over and stops.
      if (this.wasKilled && this.isEmbedded) await this.launch();
      await this.stop();
    } finally {
      await this.dropDatabase();
      rmSync(this.dataDir, { recursive: true, force: true });
    }
  }

  /** A new tenant with clients that hold one role each, and one that holds all. */
  async createTenant(id = `t-${randomBytes(4).toString('hex')}`): Promise<TestTenant> {
    expectOk(await this.platform.post('/v1/tenants', { tenant_id: id }));
    const issue = async (...roles: string[]) => {
      const body = { name: roles.join(' '), roles };
      const { key } = expectOk(await this.platform.post<{ key: string }>(`/v1/tenants/${id}/keys`, body));
      return this.client(key);
    };
    return {
      id,
      writer: await issue('ingest_writer'),
      reader: await issue('query_reader'),
      tableAdmin: await issue('table_admin'),
      admin: await issue('ingest_writer', 'query_reader', 'table_admin', 'ops_admin'),
    };
  }

  private get isEmbedded(): boolean {
    return this.env.TIDEMARK_DATABASE_URL === undefined;
  }

  private get credentialsFile(): string {
    return join(this.dataDir, 'credentials.json');
  }

  get hasEnded(): boolean {
    return this.child === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }
}

export interface TestTenant {
  readonly id: string;
  readonly writer: ServiceClient;
  readonly reader: ServiceClient;
  readonly tableAdmin: ServiceClient;
  readonly admin: ServiceClient;
}

export async function createTable(
  admin: ServiceClient,
  tableName: string,
  columns: readonly Column[],
): Promise<void> {
  expectOk(await admin.post('/v1/tables', { table_name: tableName, schema: { columns } }));
}

function s3Settings({ server, bucket }: NonNullable<ServiceOptions['s3']>): Record<string, string> {
  return {
    TIDEMARK_S3_BUCKET: bucket,
    TIDEMARK_S3_ENDPOINT: server.endpoint,
    TIDEMARK_S3_ACCESS_KEY_ID: server.accessKeyId,
    TIDEMARK_S3_SECRET_ACCESS_KEY: server.secretAccessKey,
    TIDEMARK_S3_AUTO_CREATE_BUCKET: 'true',
  };
}

/** What a service needs of the environment of the tests, and none of their settings. */
export function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** The test environment calls it when a test or hook of this file fails. */
function showOnFailure(show: () => void): void {
  const scope = globalThis as { showOnFailure?: (() => void)[] };
  (scope.showOnFailure ??= []).push(show);
}
