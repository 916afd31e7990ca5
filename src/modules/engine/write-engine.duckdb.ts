import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from '../../kernel/index.js';
import { addressSpaceLimit } from './address-space.js';
import { requestUntil } from './cancellation.js';
import type { LaunchOptions } from './child-launch.js';
import { ConversionFault, EngineFailure } from './engine-failure.js';
import { ChildFault, EngineChild } from './engine-child.js';
import { WorkSlots } from './work-slots.js';
import type { KeyedFiles, KeyedWriteJob, PartitionFile, WriteEngine, WriteJob } from './write-engine.js';

export interface WriteEngineOptions {
  /** Jobs at once, each in a child of its own. */
  readonly concurrency: number;
  /** Memory of one child beyond what it takes when idle. */
  readonly memoryBytes: number;
  readonly threads: number;
  /** Absolute path of the folder for spilled data. */
  readonly scratchDir: string;
  readonly logger: Logger;
  /** Folder of the compiled children; only tests give one. */
  readonly childrenDir?: string;
}

/** DuckDB's own limit stays below the system's, so that it spills before it is stopped. */
const DUCKDB_SHARE = 0.7;
const MAX_GROWTH = 0.6;

/** `WriteEngine` on children with DuckDB, started on first use and kept. */
export class DuckDbWriteEngine implements WriteEngine {
  private readonly slots: WorkSlots;
  private readonly idle: EngineChild[] = [];
  private readonly all = new Set<EngineChild>();
  private limit: Promise<number | undefined> | undefined;
  private closed = false;

  constructor(private readonly options: WriteEngineOptions) {
    this.slots = new WorkSlots({
      slots: options.concurrency,
      maxWaiting: Infinity,
      onFull: () => new EngineFailure('internal', 'the queue of the write engine is full'),
    });
  }

  /** Starts one child ahead of its first job. */
  async warm(): Promise<void> {
    if (this.idle.length === 0 && !this.closed) this.idle.push(await this.launch());
  }

  writeParquet(job: WriteJob, signal?: AbortSignal): Promise<readonly PartitionFile[]> {
    return this.run<readonly PartitionFile[]>(job, signal);
  }

  writeKeyed(job: KeyedWriteJob, signal?: AbortSignal): Promise<KeyedFiles> {
    return this.run<KeyedFiles>(job, signal);
  }

  /** Process ids of the children that live. */
  childPids(): number[] {
    return [...this.all].flatMap((child) => (child.alive && child.pid !== undefined ? [child.pid] : []));
  }

  /** Kills the children. Jobs under way are lost; wait for them first. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.all].map((child) => child.close()));
    this.all.clear();
  }

  private async run<Answer>(job: WriteJob, signal: AbortSignal | undefined): Promise<Answer> {
    const release = await this.slots.acquire('', signal);
    let child: EngineChild | undefined;
    try {
      child = await this.take();
      return await requestUntil<Answer>(child, job, signal);
    } catch (error) {
      throw writeError(error);
    } finally {
      void this.give(child).then(release);
    }
  }

  /** A child that kept most of its memory is not used again. Resolves when that is known. */
  private async give(child: EngineChild | undefined): Promise<void> {
    await child?.settled;
    if (child === undefined) return;
    if (child.grownBytes > this.options.memoryBytes * MAX_GROWTH)
      child.kill('memory', 'it kept too much memory');
    if (child.alive && !this.closed) this.idle.push(child);
    else this.forget(child);
  }

  private async take(): Promise<EngineChild> {
    for (let child = this.idle.pop(); child !== undefined; child = this.idle.pop()) {
      if (child.alive) return child;
      this.forget(child);
    }
    return this.launch();
  }

  private async launch(): Promise<EngineChild> {
    if (this.closed) throw new EngineFailure('closed', 'the write engine is closed');
    const { memoryBytes, threads, scratchDir, childrenDir } = this.options;
    const base: LaunchOptions = {
      name: 'write-child',
      heapMib: 64,
      childrenDir,
      setup: {
        threads,
        memoryLimitBytes: memoryBytes * DUCKDB_SHARE,
        tempDirectory: join(scratchDir, `write-${randomUUID()}`),
        maxTempBytes: memoryBytes * 8,
      },
    };
    this.limit ??= addressSpaceLimit(base, memoryBytes);
    const addressSpaceBytes = await this.limit.catch((error: unknown) => {
      this.limit = undefined;
      throw error;
    });
    const child = await EngineChild.start({
      ...base,
      addressSpaceBytes,
      rssLimitBytes: memoryBytes + 128 * 1024 * 1024,
    });
    this.all.add(child);
    return child;
  }

  private forget(child: EngineChild): void {
    this.all.delete(child);
    if (!this.closed)
      this.options.logger.warn({ lastWords: child.lastWords }, 'a write child ended and will be replaced');
  }
}

function writeError(error: unknown): unknown {
  if (!(error instanceof ChildFault)) return error;
  const { kind, message, line } = error.fault;
  if (kind === 'conversion') return new ConversionFault(message, { line, cause: error });
  return new EngineFailure(kind === 'memory' || kind === 'io' ? kind : 'internal', message, { cause: error });
}
