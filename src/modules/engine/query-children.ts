import type { Logger } from '../../kernel/index.js';
import { addressSpaceLimit } from './address-space.js';
import type { LaunchOptions } from './child-launch.js';
import { unprivilegedUser } from './child-user.js';
import { EngineChild } from './engine-child.js';
import { EngineFailure } from './engine-failure.js';
import { RowPipe } from './row-pipe.js';

const MIB = 1024 * 1024;
const DUCKDB_SHARE = 0.8;
/** A child that kept more than this share of a query's memory has too little left for the next query. */
const MAX_GROWTH = 0.2;
const WORN = 'it has served its time';

export interface QueryChildrenOptions {
  readonly memoryBytes: number;
  readonly threads: number;
  /** Children at once that are bound to a tenant. */
  readonly maxBound: number;
  /** How long a bound child waits for its tenant's next query. */
  readonly idleMs: number;
  /** Queries of one child at most. */
  readonly maxQueries: number;
  readonly logger: Logger;
  readonly childrenDir?: string | undefined;
}

/** A child with its pipe. States: spare -> bound to one tenant (busy <-> idle) -> gone. */
export interface QueryChild {
  readonly process: EngineChild;
  readonly pipe: RowPipe;
  queries: number;
  idleTimer: NodeJS.Timeout | undefined;
}

/**
 * Query children. One spare that has served nobody is kept ready; a child is bound to a tenant by its first
 * query, serves that tenant alone, and is never bound again.
 */
export class QueryChildren {
  /** Insertion order is the order of last use. */
  private readonly idle = new Map<QueryChild, string>();
  private readonly all = new Set<QueryChild>();
  private spare: Promise<QueryChild> | undefined;
  private limit: Promise<number | undefined> | undefined;
  private closed = false;
  private warned = false;

  constructor(private readonly options: QueryChildrenOptions) {}

  /** Starts the spare, if there is none. */
  warm(): Promise<unknown> {
    this.spare ??= this.launch();
    const starting = this.spare;
    starting.catch(() => {
      if (this.spare === starting) this.spare = undefined;
    });
    return starting;
  }

  /** A child of the tenant's own: one that waits for it, else the spare. */
  async take(tenantId: string): Promise<QueryChild> {
    for (const [child, owner] of [...this.idle].reverse()) {
      if (owner !== tenantId || !this.idle.has(child)) continue;
      this.unpark(child);
      await child.process.settled;
      if (child.process.alive && !this.isWorn(child)) return child;
      this.end(child, WORN);
    }
    this.makeRoom();
    for (;;) {
      void this.warm().catch(() => undefined);
      const starting = this.spare;
      if (starting === undefined) throw new EngineFailure('died', 'no query child could be started');
      this.spare = undefined;
      const child = await starting;
      if (child.process.alive) return child;
      this.forget(child);
    }
  }

  /** Keeps the child for its tenant, or ends it. A new spare is started when there is none. */
  give(child: QueryChild, tenantId: string): void {
    child.queries += 1;
    if (this.closed || !child.process.alive || this.isWorn(child)) {
      this.end(child, WORN);
    } else {
      this.idle.set(child, tenantId);
      child.idleTimer = setTimeout(() => this.end(child, 'it was idle'), this.options.idleMs);
      child.idleTimer.unref();
      void child.process.settled.then(() => {
        if (this.idle.has(child) && this.isWorn(child)) this.end(child, WORN);
      });
    }
    if (!this.closed)
      void this.warm().catch((error: unknown) =>
        this.options.logger.warn({ err: error }, 'no spare query child'),
      );
  }

  childPids(): number[] {
    return [...this.all].flatMap(({ process: { alive, pid } }) => (alive && pid !== undefined ? [pid] : []));
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.spare?.catch(() => undefined);
    for (const child of this.idle.keys()) this.unpark(child);
    await Promise.all([...this.all].map((child) => child.process.close()));
    this.all.clear();
  }

  /** How much memory it kept is known once it has settled. */
  private isWorn(child: QueryChild): boolean {
    const { maxQueries, memoryBytes } = this.options;
    return child.queries >= maxQueries || child.process.grownBytes > memoryBytes * MAX_GROWTH;
  }

  private makeRoom(): void {
    const bound = this.all.size - (this.spare === undefined ? 0 : 1);
    if (bound < this.options.maxBound) return;
    const [oldest] = this.idle.keys();
    if (oldest !== undefined) this.end(oldest, 'another tenant needs its place');
  }

  private async launch(): Promise<QueryChild> {
    if (this.closed) throw new EngineFailure('closed', 'the query engine is closed');
    const { memoryBytes, threads, childrenDir } = this.options;
    const base: LaunchOptions = {
      name: 'query-child',
      heapMib: 128,
      childrenDir,
      setup: {
        threads,
        memoryLimitBytes: memoryBytes * DUCKDB_SHARE,
        tempDirectory: null,
        maxTempBytes: 0,
        becomes: unprivilegedUser(),
      },
    };
    this.limit ??= addressSpaceLimit(base, memoryBytes);
    const addressSpaceBytes = await this.limit.catch((error: unknown) => {
      this.limit = undefined;
      throw error;
    });
    const process = await EngineChild.start({
      ...base,
      addressSpaceBytes,
      rssLimitBytes: memoryBytes + 100 * MIB,
    });
    if (!process.limited && !this.warned) {
      this.warned = true;
      this.options.logger.warn(
        'the system does not limit the address space: the memory of queries is watched instead',
      );
    }
    const pipe = new RowPipe(process.rows, (error) => process.kill('closed', error.message));
    const child: QueryChild = { process, pipe, queries: 0, idleTimer: undefined };
    this.all.add(child);
    if (this.closed) await process.close();
    return child;
  }

  private unpark(child: QueryChild): void {
    clearTimeout(child.idleTimer);
    child.idleTimer = undefined;
    this.idle.delete(child);
  }

  private end(child: QueryChild, why: string): void {
    this.unpark(child);
    child.process.kill('closed', why);
    this.forget(child);
  }

  private forget(child: QueryChild): void {
    this.all.delete(child);
  }
}
