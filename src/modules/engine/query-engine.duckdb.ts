import { AppError, type Logger } from '../../kernel/index.js';
import { requestUntil } from './cancellation.js';
import type { QueryReply } from './children/query-child.js';
import { ChildFault } from './engine-child.js';
import { EngineFailure } from './engine-failure.js';
import { QUERY_MEMORY_EXCEEDED, QUERY_TIMEOUT, QUERY_TOO_LARGE, SQL_INVALID } from './engine.errors.js';
import { GatePool, queueFull } from './gate-pool.js';
import { type QueryChild, QueryChildren } from './query-children.js';
import type { GatedQuery, QueryEngine, QueryJob, QueryResult, TableShape } from './query-engine.js';
import { WorkSlots } from './work-slots.js';

export interface QueryEngineOptions {
  /** Queries at once, each in a child of its own. */
  readonly concurrency: number;
  /** Memory of one query beyond what an idle child takes. */
  readonly memoryBytes: number;
  readonly threads: number;
  readonly logger: Logger;
  /** Queries that wait at most; four for each that runs when absent. */
  readonly maxWaiting?: number;
  readonly idleMs?: number;
  readonly maxQueriesPerChild?: number;
  /** Folder of the compiled children; only tests give one. */
  readonly childrenDir?: string;
}

const IDLE_MS = 30_000;
const MAX_QUERIES_PER_CHILD = 200;
const WAITING_PER_SLOT = 4;

/** `QueryEngine` on children with DuckDB. */
export class DuckDbQueryEngine implements QueryEngine {
  private readonly gates: GatePool;
  private readonly children: QueryChildren;
  private readonly slots: WorkSlots;

  constructor(options: QueryEngineOptions) {
    const { concurrency } = options;
    this.gates = new GatePool(options.childrenDir);
    this.children = new QueryChildren({
      memoryBytes: options.memoryBytes,
      threads: options.threads,
      maxBound: concurrency,
      idleMs: options.idleMs ?? IDLE_MS,
      maxQueries: options.maxQueriesPerChild ?? MAX_QUERIES_PER_CHILD,
      logger: options.logger,
      childrenDir: options.childrenDir,
    });
    this.slots = new WorkSlots({
      slots: concurrency,
      // No tenant holds every worker.
      slotsPerKey: Math.max(1, concurrency - 1),
      maxWaiting: options.maxWaiting ?? concurrency * WAITING_PER_SLOT,
      onFull: queueFull,
    });
  }

  /** Starts the gate and the spare child ahead of the first query. */
  async warm(): Promise<void> {
    await Promise.all([this.gates.warm(), this.children.warm()]);
  }

  gate(sql: string, tables: readonly TableShape[], signal?: AbortSignal): Promise<GatedQuery> {
    return this.gates.gate(sql, tables, signal);
  }

  async run(job: QueryJob, signal?: AbortSignal): Promise<QueryResult> {
    const arrivedAt = performance.now();
    const release = await this.slots.acquire(job.tenantId, signal);
    try {
      const queuedMs = performance.now() - arrivedAt;
      const child = await this.children.take(job.tenantId);
      try {
        return { ...(await runIn(child, job, signal)), queuedMs };
      } finally {
        this.children.give(child, job.tenantId);
      }
    } finally {
      release();
    }
  }

  /** Process ids of the children that live, the gate's first. */
  childPids(): number[] {
    return [...this.gates.childPids(), ...this.children.childPids()];
  }

  /** Kills the children; queries under way fail. */
  async close(): Promise<void> {
    await Promise.all([this.gates.close(), this.children.close()]);
  }
}

async function runIn(
  child: QueryChild,
  job: QueryJob,
  signal: AbortSignal | undefined,
): Promise<Omit<QueryResult, 'queuedMs'>> {
  const startedAt = performance.now();
  const deadline = AbortSignal.timeout(job.timeoutMs);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const { rows, finish } = child.pipe.collect(child.process.nextRequestId, job.maxBytes);
  rows.catch(() => undefined);
  try {
    const reply = await requestUntil<QueryReply>(child.process, job, either);
    finish(reply.frames);
    const { columns, truncated } = reply;
    return { columns, rows: await rows, truncated, durationMs: performance.now() - startedAt };
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    if (deadline.aborted) throw timedOut(job, error);
    throw runError(error, job);
  } finally {
    child.pipe.stop();
  }
}

function timedOut(job: QueryJob, cause: unknown): AppError {
  return new AppError(QUERY_TIMEOUT, `the query took longer than ${job.timeoutMs} ms`, {
    context: { timeout_ms: job.timeoutMs },
    cause,
  });
}

function runError(error: unknown, job: QueryJob): unknown {
  if (error instanceof EngineFailure && error.reason === 'memory') return memoryExceeded(error);
  if (!(error instanceof ChildFault)) return error;
  const { kind, message, details } = error.fault;
  switch (kind) {
    case 'sql':
    case 'parameter':
      return new AppError(SQL_INVALID, message, { context: { ...details }, cause: error });
    case 'memory':
      return memoryExceeded(error);
    case 'too_large':
      return new AppError(QUERY_TOO_LARGE, message, { context: { max_bytes: job.maxBytes }, cause: error });
    case 'io':
      return new EngineFailure('io', message, { cause: error });
    default:
      return new EngineFailure('internal', message, { cause: error });
  }
}

const memoryExceeded = (cause: unknown): AppError =>
  new AppError(QUERY_MEMORY_EXCEEDED, 'the query needed more memory than one query may have', { cause });
