import { Inject, Injectable } from '@nestjs/common';
import { AppError, SERVER_BUSY } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import {
  EngineFailure,
  QUERY_ENGINE,
  SQL_INVALID,
  UnknownTableError,
  type GatedQuery,
  type QueryEngine,
  type QueryParameters,
  type QueryResult,
  type QueryTable,
} from '../engine/index.js';
import {
  SNAPSHOT_EXPIRED,
  SnapshotFiles,
  SnapshotResolver,
  type ResolvedSnapshot,
  type SnapshotDataFile,
  type SnapshotSelector,
} from '../snapshots/index.js';
import { FileCache, ObjectNotFoundError, type CacheLease } from '../storage/index.js';
import { TableCatalog, type SnapshotTable } from '../tables/index.js';

export interface QueryRequest {
  readonly tenantId: string;
  readonly sql: string;
  readonly params: QueryParameters;
  readonly snapshot: SnapshotSelector;
  readonly rowLimit: number | undefined;
  readonly timeoutMs: number | undefined;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

export interface QueryAnswer {
  readonly result: QueryResult;
  readonly snapshot: ResolvedSnapshot;
  readonly durationMs: number;
  readonly scannedFiles: number;
  readonly scannedBytes: number;
}

/** Runs one SELECT on one snapshot: resolve, gate, fetch, run. */
@Injectable()
export class QueryService {
  constructor(
    @Inject(QUERY_ENGINE) private readonly engine: QueryEngine,
    @Inject(SnapshotResolver) private readonly resolver: SnapshotResolver,
    @Inject(SnapshotFiles) private readonly snapshotFiles: SnapshotFiles,
    @Inject(TableCatalog) private readonly catalog: TableCatalog,
    @Inject(FileCache) private readonly cache: FileCache,
    @Inject(settingsOf('query')) private readonly settings: Settings['query'],
  ) {}

  async query(request: QueryRequest): Promise<QueryAnswer> {
    const startedAt = performance.now();
    const { tenantId, sql, signal } = request;
    const snapshot = await this.resolver.resolve(tenantId, request.snapshot, signal);
    const tables = await this.catalog.tablesAt(tenantId, snapshot.snapshotId);
    const gated = await this.gate(sql, tables, signal);
    const read = tables.filter((table) => gated.tables.includes(table.tableName));
    const files = await this.filesOf(snapshot, read);
    const leases = await this.fetch(snapshot, [...files.values()].flat(), signal);
    try {
      const visible = gated.readsCatalog ? tables : read;
      const result = await this.run(
        request,
        visible.map((table) => queryTable(table, files, leases)),
      );
      const scanned = [...leases.keys()];
      return {
        result,
        snapshot,
        durationMs: performance.now() - startedAt,
        scannedFiles: scanned.length,
        scannedBytes: scanned.reduce((bytes, file) => bytes + file.sizeBytes, 0),
      };
    } finally {
      for (const lease of leases.values()) lease.release();
    }
  }

  private async gate(
    sql: string,
    tables: readonly SnapshotTable[],
    signal: AbortSignal,
  ): Promise<GatedQuery> {
    const shapes = tables.map(({ tableName, columns }) => ({ name: tableName, columns }));
    try {
      return await this.engine.gate(sql, shapes, signal);
    } catch (error) {
      if (!(error instanceof UnknownTableError)) throw engineError(error);
      const { table, position } = error;
      throw new AppError(SQL_INVALID, error.message, {
        context: { table, ...(position !== undefined && { position }) },
      });
    }
  }

  private async filesOf(
    snapshot: ResolvedSnapshot,
    tables: readonly SnapshotTable[],
  ): Promise<ReadonlyMap<number, readonly SnapshotDataFile[]>> {
    if (tables.length === 0) return new Map();
    return this.snapshotFiles.liveDataFiles(
      snapshot,
      tables.map(({ tableId }) => tableId),
    );
  }

  /** All files or none: what was fetched is given back when one fails. */
  private async fetch(
    snapshot: ResolvedSnapshot,
    files: readonly SnapshotDataFile[],
    signal: AbortSignal,
  ): Promise<Map<SnapshotDataFile, CacheLease>> {
    const fetched = await Promise.allSettled(files.map((file) => this.cache.acquire(file, { signal })));
    const leases = new Map<SnapshotDataFile, CacheLease>();
    files.forEach((file, index) => {
      const outcome = fetched[index];
      if (outcome?.status === 'fulfilled') leases.set(file, outcome.value);
    });
    const failed = fetched.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined) return leases;
    for (const lease of leases.values()) lease.release();
    throw failed.reason instanceof ObjectNotFoundError ? expired(snapshot, failed.reason) : failed.reason;
  }

  private async run(request: QueryRequest, tables: QueryTable[]): Promise<QueryResult> {
    const { maxRows, maxBytes, timeoutMs } = this.settings;
    try {
      return await this.engine.run(
        {
          tenantId: request.tenantId,
          sql: request.sql,
          params: request.params,
          tables,
          rowLimit: Math.min(request.rowLimit ?? maxRows, maxRows),
          maxBytes,
          timeoutMs: Math.min(request.timeoutMs ?? timeoutMs, timeoutMs),
        },
        request.signal,
      );
    } catch (error) {
      throw engineError(error);
    }
  }
}

function queryTable(
  table: SnapshotTable,
  files: ReadonlyMap<number, readonly SnapshotDataFile[]>,
  leases: ReadonlyMap<SnapshotDataFile, CacheLease>,
): QueryTable {
  const paths = (files.get(table.tableId) ?? []).flatMap((file) => leases.get(file) ?? []);
  return { name: table.tableName, columns: table.columns, files: paths.map(({ path }) => ({ path })) };
}

/** A worker that was lost may be had the next time. */
function engineError(error: unknown): unknown {
  if (!(error instanceof EngineFailure) || !['died', 'timeout', 'closed'].includes(error.reason))
    return error;
  return new AppError(SERVER_BUSY, 'The worker of this query was lost.', {
    retryAfterMs: 1000,
    cause: error,
  });
}

function expired({ snapshotId }: ResolvedSnapshot, cause: Error): AppError {
  return new AppError(SNAPSHOT_EXPIRED, `Files of snapshot ${snapshotId} are gone.`, {
    context: { snapshot_id: snapshotId },
    cause,
  });
}
