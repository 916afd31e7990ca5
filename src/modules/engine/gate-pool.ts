import { AppError, QUEUE_FULL } from '../../kernel/index.js';
import type { GateRequest } from './children/gate-child.js';
import { requestUntil } from './cancellation.js';
import type { LaunchOptions } from './child-launch.js';
import { unprivilegedUser } from './child-user.js';
import { addressSpaceLimit } from './address-space.js';
import { ChildFault, EngineChild } from './engine-child.js';
import { EngineFailure } from './engine-failure.js';
import { SQL_INVALID, SQL_NOT_ALLOWED } from './engine.errors.js';
import { type GatedQuery, type TableShape, UnknownTableError } from './query-engine.js';
import { WorkSlots } from './work-slots.js';

const MIB = 1024 * 1024;
const GATE_MEMORY_BYTES = 512 * MIB;
const GATE_TIMEOUT_MS = 5000;
const MAX_WAITING = 64;

/** The one gate child: it parses and walks statements, one after the other, and is replaced when it dies. */
export class GatePool {
  private readonly slots = new WorkSlots({ slots: 1, maxWaiting: MAX_WAITING, onFull: queueFull });
  private child: EngineChild | undefined;
  private limit: number | undefined;
  private closed = false;

  constructor(private readonly childrenDir: string | undefined) {}

  async gate(
    sql: string,
    tables: readonly TableShape[],
    signal: AbortSignal | undefined,
  ): Promise<GatedQuery> {
    const release = await this.slots.acquire('', signal);
    const deadline = AbortSignal.timeout(GATE_TIMEOUT_MS);
    try {
      const request: GateRequest = {
        sql,
        tables: tables.map(({ name, columns }) => ({
          name,
          columnNames: columns.map((column) => column.name),
        })),
      };
      const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
      return await this.ask(request, either);
    } catch (error) {
      if (signal?.aborted !== true && isTooMuch(error, deadline)) throw tooComplex(error);
      throw gateError(error);
    } finally {
      release();
    }
  }

  /** Once more when the child died: it may have been killed from outside. */
  private async ask(request: GateRequest, signal: AbortSignal): Promise<GatedQuery> {
    try {
      return await requestUntil<GatedQuery>(await this.live(), request, signal);
    } catch (error) {
      if (!(error instanceof EngineFailure) || error.reason !== 'died') throw error;
      return requestUntil<GatedQuery>(await this.live(), request, signal);
    }
  }

  /** Starts the child ahead of the first statement. */
  async warm(): Promise<void> {
    const release = await this.slots.acquire('');
    try {
      await this.live();
    } finally {
      release();
    }
  }

  childPids(): number[] {
    return this.child?.alive === true && this.child.pid !== undefined ? [this.child.pid] : [];
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.child?.close();
  }

  private async live(): Promise<EngineChild> {
    if (this.closed) throw new EngineFailure('closed', 'the query engine is closed');
    if (this.child?.alive === true) return this.child;
    const launch: LaunchOptions = {
      name: 'gate-child',
      heapMib: 128,
      childrenDir: this.childrenDir,
      setup: {
        threads: 1,
        memoryLimitBytes: 128 * MIB,
        tempDirectory: null,
        maxTempBytes: 0,
        becomes: unprivilegedUser(),
      },
    };
    this.limit ??= await addressSpaceLimit(launch, GATE_MEMORY_BYTES);
    this.child = await EngineChild.start({
      ...launch,
      addressSpaceBytes: this.limit,
      rssLimitBytes: GATE_MEMORY_BYTES,
    });
    return this.child;
  }
}

export const queueFull = (): AppError =>
  new AppError(QUEUE_FULL, 'too many queries are waiting', { retryAfterMs: 1000 });

/** The statement brought the child down, or kept it busy for too long. */
function isTooMuch(error: unknown, deadline: AbortSignal): boolean {
  if (deadline.aborted) return true;
  if (error instanceof ChildFault) return error.fault.kind === 'memory';
  return error instanceof EngineFailure && (error.reason === 'memory' || error.reason === 'died');
}

function tooComplex(cause: unknown): AppError {
  return new AppError(SQL_NOT_ALLOWED, 'the statement is too large or too deeply nested', {
    context: { name: 'statement' },
    cause,
  });
}

function gateError(error: unknown): unknown {
  if (!(error instanceof ChildFault)) return error;
  const { kind, message, details } = error.fault;
  if (kind !== 'refused' || details === undefined)
    return new EngineFailure('internal', message, { cause: error });
  const { code, ...context } = details;
  if (code === 'TABLE_UNKNOWN') {
    return new UnknownTableError(String(context.name), context.position as number | undefined);
  }
  return new AppError(code === 'SQL_INVALID' ? SQL_INVALID : SQL_NOT_ALLOWED, message, { context });
}
