import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../config/index.js';
import { findRunningService, type ServiceAccess } from './service-access.js';

const MAIN = fileURLToPath(new URL('../../main.js', import.meta.url));
const DEFAULT_PORT = 8080;
const START_MS = 120_000;
const STOP_MS = 40_000;
const POLL_MS = 100;
/** Of what the service says, for the message when it fails. */
const KEPT_CHARS = 4_000;

/** A service of the demo's own, as `npm start` would start it. */
export class OwnService {
  private said = '';
  private passOn = false;
  private readonly exited: Promise<unknown>;

  private constructor(
    private readonly child: ChildProcess,
    readonly dataDir: string,
  ) {
    this.exited = once(child, 'exit').catch(() => undefined);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said = (this.said + text).slice(-KEPT_CHARS);
        if (this.passOn) process.stderr.write(text);
      });
    }
  }

  /** In a process group of its own, so that Ctrl-C reaches the demo alone. Takes a free port where 8080 is taken. */
  static async start(env: Environment, dataDir: string): Promise<OwnService> {
    const port = env.TIDEMARK_HTTP_PORT || ((await isFree(DEFAULT_PORT)) ? String(DEFAULT_PORT) : '0');
    const child = spawn(process.execPath, [MAIN], {
      // The demo writes and reads, so that it needs every role.
      env: { ...env, TIDEMARK_HTTP_PORT: port, TIDEMARK_DATA_DIR: dataDir, TIDEMARK_ROLES: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    return new OwnService(child, dataDir);
  }

  /** Resolves when it answers. Rejects with what it said when it ends before. */
  async ready(signal: AbortSignal): Promise<ServiceAccess> {
    const giveUpAt = Date.now() + START_MS;
    while (!signal.aborted && Date.now() < giveUpAt) {
      if (this.hasEnded) throw new Error(`The service could not be started:\n${this.said.trim()}`);
      const access = await findRunningService(this.dataDir);
      if (access !== undefined) return access;
      await delay(POLL_MS);
    }
    throw new Error(`The service was not ready in time:\n${this.said.trim()}`);
  }

  /** From here on what the service says goes to standard error. Resolves when it has ended. */
  async watch(): Promise<void> {
    this.passOn = true;
    await this.exited;
  }

  /** Stops it cleanly. Rejects when it ended in another way. */
  async stop(): Promise<void> {
    this.passOn = false;
    if (!this.hasEnded) {
      this.child.kill('SIGTERM');
      const late = setTimeout(() => this.kill(), STOP_MS);
      await this.exited;
      clearTimeout(late);
    }
    if (this.child.exitCode !== 0) {
      throw new Error(
        `The service did not stop cleanly (${this.child.exitCode ?? this.child.signalCode}):\n${this.said.trim()}`,
      );
    }
  }

  /** Ends it at once. Nothing that was acknowledged is lost. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  private get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
