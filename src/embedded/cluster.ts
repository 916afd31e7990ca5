import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '../kernel/index.js';
import { EmbeddedError } from './embedded-error.js';
import { clusterIn, type Placement } from './placement.js';
import { programOf } from './postgres-binaries.js';
import { asUser } from './postgres-user.js';
import { readPostmaster, stopOrphan, stopPostmaster } from './postmaster.js';

const SUPERUSER = 'tidemark';
const DATABASE = 'tidemark';
const POLL_MS = 20;
const START_WAIT_MS = 120_000;
const START_ATTEMPTS = 10;
const RESTART_DELAY_MS = 1_000;
const MAX_LOG_BYTES = 10 * 1024 * 1024;

export interface ClusterOptions {
  readonly placement: Placement;
  readonly password: string;
  readonly maxConnections: number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** A Postgres server that this process started. */
export interface Cluster {
  readonly url: string;
  readonly port: number;
  /** Ends the server within a bound of 15 s. */
  stop(): Promise<void>;
}

/** Makes the cluster where there is none, stops an orphan of it, and starts the server on a free port. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { placement } = options;
  const directory = clusterIn(placement.home);
  if (!existsSync(join(directory, 'PG_VERSION'))) initialiseCluster(options);
  checkMajorVersion(directory, placement.binaries.major);

  const server = new PostgresServer(options);
  await server.start();
  try {
    await ensureDatabase(server.port, options.password);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    url: urlOf(server.port, options.password, DATABASE),
    port: server.port,
    stop: () => server.stop(),
  };
}

const urlOf = (port: number, password: string, database: string): string =>
  `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;

/** In a folder of its own, renamed when complete: an initdb that was cut off leaves no half cluster. */
function initialiseCluster({ placement, password }: ClusterOptions): void {
  const { home, user, binaries } = placement;
  const draft = join(home, 'data.new');
  const passwordFile = join(home, 'password.new');
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user.uid !== undefined && user.gid !== undefined) {
    chownSync(draft, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  const args = [
    '-D',
    draft,
    '-U',
    SUPERUSER,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '-E',
    'UTF8',
  ];
  args.push('--locale-provider=builtin', '--locale=C.UTF-8', '--no-instructions');
  const { status, error, stdout, stderr } = spawnSync(programOf(binaries, 'initdb'), args, asUser(user));
  rmSync(passwordFile, { force: true });
  if (status !== 0) {
    const output = error?.message ?? `${stdout.toString()}${stderr.toString()}`.trim();
    throw new EmbeddedError(`initdb could not make a cluster in ${home}:\n${output}`);
  }
  renameSync(draft, clusterIn(home));
}

function checkMajorVersion(directory: string, major: number): void {
  const found = Number.parseInt(readFileSync(join(directory, 'PG_VERSION'), 'utf8'), 10);
  if (found === major) return;
  throw new EmbeddedError(
    `The cluster in ${directory} was made by Postgres ${found}, and this Tidemark brings Postgres ${major}. ` +
      'Run the earlier Tidemark, or move the data with pg_dump and pg_restore.',
  );
}

async function ensureDatabase(port: number, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(port, password, 'postgres') });
  try {
    await client.connect();
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(DATABASE)}`);
  } finally {
    await client.end();
  }
}

/** One server process at a time, in a process group of its own; started again when it ends unasked. */
class PostgresServer {
  port = 0;
  private child: ChildProcess | undefined;
  private stopping = false;
  private restarting: Promise<void> = Promise.resolve();
  private readonly options: ClusterOptions;
  private readonly directory: string;
  private readonly logFile: string;
  private readonly stopWithProcess = (): void => {
    this.child?.kill('SIGINT');
  };

  constructor(options: ClusterOptions) {
    this.options = options;
    this.directory = clusterIn(options.placement.home);
    this.logFile = join(options.placement.home, 'postgres.log');
  }

  async start(): Promise<void> {
    process.once('exit', this.stopWithProcess);
    try {
      await this.launch(() => freePort());
    } catch (error) {
      process.off('exit', this.stopWithProcess);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.restarting;
    process.off('exit', this.stopWithProcess);
    const child = this.child;
    if (child?.pid === undefined || hasEnded(child)) return;
    const ended = await stopPostmaster(child.pid, () => !hasEnded(child));
    if (!ended) this.options.logger.error({ postgres: child.pid }, 'Postgres does not end');
  }

  private async launch(choosePort: () => Promise<number>): Promise<void> {
    if (await stopOrphan(this.directory))
      this.options.logger.warn('stopped a Postgres that a killed run had left');
    for (let attempt = 1; ; attempt += 1) {
      const port = await choosePort();
      const problem = await this.tryLaunch(port);
      if (problem === undefined) {
        this.port = port;
        this.watch();
        return;
      }
      // The port was taken meanwhile, or backends of a killed server are still ending.
      const passing = /could not bind|Address already in use|shared memory block/.test(problem);
      if (!passing || this.stopping || attempt === START_ATTEMPTS) {
        throw new EmbeddedError(`Postgres did not start; its log is ${this.logFile}:\n${problem}`);
      }
      await delay(POLL_MS * 2 ** attempt);
    }
  }

  /** Undefined when it is ready, else what it logged. */
  private async tryLaunch(port: number): Promise<string | undefined> {
    const { placement, maxConnections } = this.options;
    const settings = {
      listen_addresses: '127.0.0.1',
      port,
      unix_socket_directories: '',
      max_connections: maxConnections,
      timezone: 'UTC',
      log_timezone: 'UTC',
      logging_collector: 'off',
    };
    const args = [
      '-D',
      this.directory,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
    rotate(this.logFile);
    const log = openSync(this.logFile, 'a', 0o600);
    const logStart = statSync(this.logFile).size;
    const child = spawn(programOf(placement.binaries, 'postgres'), args, {
      ...asUser(placement.user),
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.child = child;
    let failure: string | undefined;
    child.once('error', (error) => (failure = error.message));
    const until = performance.now() + START_WAIT_MS;
    while (failure === undefined && !hasEnded(child) && performance.now() < until) {
      const postmaster = readPostmaster(this.directory);
      if (postmaster?.pid === child.pid && postmaster?.ready === true) {
        child.unref();
        return undefined;
      }
      await delay(POLL_MS);
    }
    if (child.pid !== undefined && !hasEnded(child)) await stopPostmaster(child.pid, () => !hasEnded(child));
    return failure ?? readFileSync(this.logFile).subarray(logStart).toString().trim();
  }

  private watch(): void {
    this.child?.once('exit', (code, signal) => {
      if (this.stopping) return;
      this.options.logger.error({ code, signal }, 'Postgres ended by itself; starting it again');
      this.restarting = this.restart();
    });
  }

  private async restart(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.launch(() => Promise.resolve(this.port));
        this.options.logger.info({ port: this.port }, 'Postgres is back');
        return;
      } catch (error) {
        this.options.logger.error({ err: error }, 'Postgres could not be started again');
        await delay(RESTART_DELAY_MS);
      }
    }
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

function rotate(logFile: string): void {
  if (existsSync(logFile) && statSync(logFile).size > MAX_LOG_BYTES) renameSync(logFile, `${logFile}.old`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no free port'));
        else resolve(address.port);
      });
    });
  });
}
