import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { type LaunchOptions, launchChild } from './child-launch.js';
import type { Fault, FromChild, ToChild } from './children/protocol.js';
import { EngineFailure } from './engine-failure.js';
import { residentBytes } from './resident-memory.js';
import { ROWS_FD } from './row-frame.js';

/** A request that the child answered with a fault. */
export class ChildFault extends Error {
  constructor(readonly fault: Fault) {
    super(fault.message);
    this.name = 'ChildFault';
  }
}

/** How a child ends that cannot have more memory, or more stack; 133 and 134 are the first two through a shell. */
const SIGNALS_OF_THE_LIMIT: ReadonlySet<NodeJS.Signals> = new Set([
  'SIGTRAP',
  'SIGABRT',
  'SIGSEGV',
  'SIGBUS',
  'SIGILL',
]);

const READY_TIMEOUT_MS = 30_000;
const STDERR_KEPT = 4096;
const RSS_POLL_MS = 100;

interface Pending {
  readonly id: number;
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One DuckDB child. States: starting -> idle -> busy -> settling -> idle; dead from any. One request at a time; once
 * dead it stays so. It does not keep this process alive, except during a request.
 */
export class EngineChild {
  /** When it was ready; null where the system does not say. */
  idleAddressSpaceBytes: number | null = null;
  /** By how much it has grown since, as of when it last settled. */
  grownBytes = 0;
  limited = false;
  private pending: Pending | undefined;
  private settling: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  private lastId = 0;
  private stderr = '';
  private failure: EngineFailure | undefined;
  private starting: { resolve: () => void; reject: (error: Error) => void } | undefined;
  private readonly process: ChildProcess;
  private readonly exited: Promise<void>;

  private constructor(
    private readonly options: LaunchOptions & { readonly rssLimitBytes?: number | undefined },
  ) {
    const child = launchChild(options);
    this.process = child;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.onEnd(code, signal);
        resolve();
      });
      child.once('error', (error) => {
        this.fail(new EngineFailure('died', `the ${options.name} could not be started: ${error.message}`));
        resolve();
      });
    });
    child.on('message', (message: FromChild) => this.onMessage(message));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString('utf8')).slice(-STDERR_KEPT);
    });
    child.stderr?.on('error', () => undefined);
    this.rows.on('error', () => undefined);
  }

  /** Resolves when the child is ready. `rssLimitBytes` is watched only where the address space is not limited. */
  static async start(
    options: LaunchOptions & { readonly rssLimitBytes?: number | undefined },
  ): Promise<EngineChild> {
    const child = new EngineChild(options);
    const timer = setTimeout(() => child.kill('timeout', 'it was not ready in time'), READY_TIMEOUT_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        child.starting = { resolve, reject };
        if (child.failure !== undefined) reject(child.failure);
      });
    } finally {
      clearTimeout(timer);
      child.starting = undefined;
    }
    child.hold(false);
    return child;
  }

  get alive(): boolean {
    return this.failure === undefined;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** What the child prints on its standard error, the last 4 KiB. */
  get lastWords(): string {
    return this.stderr;
  }

  /** The pipe of row frames. Paused until read. */
  get rows(): Readable {
    return this.process.stdio[ROWS_FD] as Readable;
  }

  /** The id that the next request will have. */
  get nextRequestId(): number {
    return this.lastId + 1;
  }

  /** Resolves when the child has cleared up after its last request, or is dead. */
  get settled(): Promise<void> {
    return this.settling?.promise ?? Promise.resolve();
  }

  /** Rejects with `ChildFault` for a fault that the child reports, `EngineFailure` when it dies. */
  async request<T>(body: unknown): Promise<T> {
    if (this.failure !== undefined) throw this.failure;
    if (this.pending !== undefined) throw new Error('a child takes one request at a time');
    const id = ++this.lastId;
    this.hold(true);
    const stopWatching = this.watchRss();
    try {
      return (await new Promise<unknown>((resolve, reject) => {
        this.pending = { id, resolve, reject };
        this.settling ??= Promise.withResolvers<void>();
        this.send({ kind: 'request', id, body });
      })) as T;
    } finally {
      this.pending = undefined;
      stopWatching();
      this.hold(false);
    }
  }

  /** Asks the child to end its request early. */
  cancel(): void {
    if (this.pending !== undefined) this.send({ kind: 'cancel', id: this.pending.id });
  }

  /** Ends the child and all that it started, at once. */
  kill(reason: 'timeout' | 'memory' | 'died' | 'closed', why: string): void {
    const { pid } = this.process;
    this.fail(new EngineFailure(reason, `the ${this.options.name} was stopped: ${why}`));
    if (pid === undefined || this.process.exitCode !== null || this.process.signalCode !== null) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.process.kill('SIGKILL');
    }
  }

  /** Kills it and waits for its end. */
  async close(): Promise<void> {
    this.hold(true);
    this.kill('closed', 'shutdown');
    await this.exited;
  }

  private send(message: ToChild): void {
    this.process.send(message, (error) => {
      if (error !== null) this.kill('died', `a message could not be sent: ${error.message}`);
    });
  }

  private onMessage(message: FromChild): void {
    if (message.kind === 'ready') {
      this.idleAddressSpaceBytes = message.addressSpaceBytes;
      this.limited = message.limited;
      this.starting?.resolve();
      return;
    }
    if (message.kind === 'settled') {
      if (message.id !== this.lastId) return;
      this.grownBytes = (message.addressSpaceBytes ?? 0) - (this.idleAddressSpaceBytes ?? 0);
      this.settle();
      return;
    }
    const pending = this.pending;
    if (pending === undefined || pending.id !== message.id) return;
    if (message.kind === 'answer') pending.resolve(message.body);
    else pending.reject(new ChildFault(message.fault));
  }

  private onEnd(code: number | null, signal: NodeJS.Signals | null): void {
    const memory = (signal !== null && SIGNALS_OF_THE_LIMIT.has(signal)) || code === 133 || code === 134;
    const how = signal === null ? `exit code ${code ?? 'unknown'}` : signal;
    this.fail(new EngineFailure(memory ? 'memory' : 'died', `the ${this.options.name} ended (${how})`));
  }

  private fail(failure: EngineFailure): void {
    this.failure ??= failure;
    this.starting?.reject(this.failure);
    this.pending?.reject(this.failure);
    this.settle();
  }

  private settle(): void {
    this.settling?.resolve();
    this.settling = undefined;
  }

  private hold(held: boolean): void {
    const handles = [this.process, this.process.channel, this.process.stderr, this.rows] as unknown as {
      ref?: () => void;
      unref?: () => void;
    }[];
    for (const handle of handles) {
      if (held) handle?.ref?.();
      else handle?.unref?.();
    }
  }

  /** Where the system does not limit the child, this process does, a little late. */
  private watchRss(): () => void {
    const { rssLimitBytes } = this.options;
    const { pid } = this.process;
    if (this.limited || rssLimitBytes === undefined || pid === undefined) return () => undefined;
    let timer: NodeJS.Timeout | undefined;
    let watching = true;
    const look = async () => {
      const bytes = await residentBytes(pid);
      if (!watching) return;
      if (bytes !== undefined && bytes > rssLimitBytes)
        this.kill('memory', 'it used more memory than it may');
      else timer = setTimeout(() => void look(), RSS_POLL_MS).unref();
    };
    void look();
    return () => {
      watching = false;
      clearTimeout(timer);
    };
  }
}
