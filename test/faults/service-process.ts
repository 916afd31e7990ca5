import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { TcpProxy } from '../support/tcp-proxy.js';
import { eventually } from './eventually.js';

const RESTART_MS = 100;
/** After an exit of its own, as where it found no database: what a supervisor would wait. */
const RETRY_MS = 500;
const READY_MS = 120_000;
const STOP_MS = 30_000;
const LOOK_AT_STATE_MS = 250;

/** All of this run, so that none outlives it. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface ServiceOptions {
  readonly name: string;
  readonly roles: string;
  readonly dist: string;
  readonly folder: string;
  readonly port: number;
  readonly databaseUrl: string;
  readonly s3Endpoint: string;
  readonly env: Readonly<Record<string, string>>;
  /** How long a process that has stopped itself is left so. */
  readonly stoppedForMs: number;
  readonly onEnd: (end: ServiceEnd) => void;
}

/** How a life ended. */
export interface ServiceEnd {
  readonly service: string;
  /** Where or when it was killed, by the harness or at a failpoint; undefined where it ended by itself. */
  readonly killed: string | undefined;
  readonly exit: string;
}

/**
 * One service as a supervised process: whatever ends it, it is started again, on the same port and the same data
 * dir, with the failpoints of its next life. It reaches Postgres and the object store by proxies of its own.
 */
export class ServiceProcess {
  readonly options: ServiceOptions;
  readonly url: string;
  readonly http: Pool;
  readonly database: TcpProxy;
  readonly objects: TcpProxy;
  /** Failpoints of the lives to come, the next first; without any once it is used up. */
  lives: string[] = [];
  private child: ChildProcess | undefined;
  private failpoints = '';
  /** When it was killed by the harness. */
  private killed: string | undefined;
  private heldDown = true;
  private supervising: Promise<void> = Promise.resolve();

  private constructor(options: ServiceOptions, database: TcpProxy, objects: TcpProxy) {
    this.options = options;
    this.database = database;
    this.objects = objects;
    this.url = `http://127.0.0.1:${options.port}`;
    this.http = new Pool(this.url, { connections: 64, pipelining: 1 });
  }

  static async create(options: ServiceOptions): Promise<ServiceProcess> {
    mkdirSync(join(options.folder, options.name), { recursive: true });
    return new ServiceProcess(options, await proxyTo(options.databaseUrl), await proxyTo(options.s3Endpoint));
  }

  get name(): string {
    return this.options.name;
  }

  /** Starts the supervision; resolves at once. */
  start(): void {
    if (!this.heldDown) return;
    this.heldDown = false;
    this.supervising = this.supervise();
  }

  async untilReady(): Promise<void> {
    const ready = await eventually(READY_MS, async () => {
      const { statusCode, body } = await this.http.request({
        path: '/v1/ready',
        method: 'GET',
        headersTimeout: 5_000,
      });
      await body.dump();
      return statusCode === 200;
    });
    if (!ready)
      throw new Error(`${this.name} was not ready within ${READY_MS} ms; its log is in ${this.logFile}`);
  }

  /** SIGKILL. Does nothing where it is down. `when` is for the table. */
  async kill(when = 'at a random moment'): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    this.killed = when;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** SIGKILL, and no new life until `start`. */
  async holdDown(): Promise<void> {
    this.heldDown = true;
    await this.kill();
    await this.supervising;
  }

  /** SIGTERM, and no new life until `start`. Answers the exit code, null where it had to be killed. */
  async stop(): Promise<number | null> {
    this.heldDown = true;
    const { child } = this;
    let code: number | null = 0;
    if (child !== undefined) {
      child.once('exit', (exitCode) => (code = exitCode));
      this.killed = 'after SIGTERM';
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await this.supervising;
      clearTimeout(late);
    }
    await this.supervising;
    return code;
  }

  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  /** True while the process is stopped. */
  get isPaused(): boolean {
    try {
      const stat = readFileSync(`/proc/${this.child?.pid}/stat`, 'latin1');
      return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'T';
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    await this.holdDown();
    await this.http.destroy();
    await this.database.close();
    await this.objects.close();
  }

  get logFile(): string {
    return join(this.options.folder, `${this.name}.log`);
  }

  private async supervise(): Promise<void> {
    while (!this.heldDown) {
      const end = await this.live();
      this.options.onEnd(end);
      if (!this.heldDown) await delay(end.killed === undefined ? RETRY_MS : RESTART_MS);
    }
  }

  /** One life of the process. */
  private async live(): Promise<ServiceEnd> {
    const { name, roles, dist, folder, port, env, databaseUrl } = this.options;
    this.failpoints = this.lives.shift() ?? '';
    this.killed = undefined;
    const viaProxy = new URL(databaseUrl);
    viaProxy.hostname = '127.0.0.1';
    viaProxy.port = String(this.database.port);
    const log = openSync(this.logFile, 'a');
    const child = spawn(process.execPath, [join(dist, 'src/main.js')], {
      cwd: join(folder, name),
      env: {
        PATH: process.env.PATH,
        TIDEMARK_ROLES: roles,
        TIDEMARK_HTTP_PORT: String(port),
        TIDEMARK_DATA_DIR: join(folder, name),
        TIDEMARK_DATABASE_URL: viaProxy.href,
        TIDEMARK_S3_ENDPOINT: `http://127.0.0.1:${this.objects.port}`,
        TIDEMARK_FAILPOINTS: this.failpoints,
        ...env,
      },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.child = child;
    running.add(child);
    const watch = this.failpoints.includes('=stop') ? this.watchForStop() : undefined;
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    clearInterval(watch);
    running.delete(child);
    this.child = undefined;
    const [, point] = /([a-z_.]+)=kill/.exec(this.failpoints) ?? [];
    const atPoint = signal === 'SIGKILL' && point !== undefined ? `at ${point}` : undefined;
    return { service: name, killed: this.killed ?? atPoint, exit: String(signal ?? code) };
  }

  /** Wakes it up again when it has stopped itself for long enough. */
  private watchForStop(): NodeJS.Timeout {
    let stoppedAt: number | undefined;
    return setInterval(() => {
      if (!this.isPaused) stoppedAt = undefined;
      else stoppedAt ??= performance.now();
      if (stoppedAt !== undefined && performance.now() - stoppedAt > this.options.stoppedForMs) this.resume();
    }, LOOK_AT_STATE_MS);
  }
}

async function proxyTo(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  return TcpProxy.start({ host: hostname, port: Number(port) });
}
