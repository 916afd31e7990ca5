import { isDeepStrictEqual } from 'node:util';
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
  type QueryFile,
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
  type UploadedFile,
} from '../snapshots/index.js';
import { FileCache, ObjectNotFoundError, type CachedObject, type CacheLease } from '../storage/index.js';
import { TableCatalog, type SnapshotTable } from '../tables/index.js';
import { fileLayouts, type FileLayouts } from './file-layouts.js';
import { mergePlan, plannedFiles, type MergePlan } from './merge-plan.js';

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

/** A statement that the gate let pass, for the tables that it was held against. */
interface Gated {
  readonly tables: readonly SnapshotTable[];
  readonly query: GatedQuery;
  /** The tables that it reads. */
  readonly read: readonly SnapshotTable[];
}

interface Prepared {
  readonly gated: Gated;
  readonly files: FilesByTable;
  readonly leases: Leases;
}

interface TableFiles {
  readonly plan: MergePlan;
  readonly layouts: FileLayouts;
}

type FilesByTable = ReadonlyMap<number, TableFiles>;
type Leases = ReadonlyMap<SnapshotDataFile, CacheLease>;

/**
 * Runs one SELECT on one snapshot: resolve, gate, fetch, run. While the snapshot is waited for, the statement is gated
 * and the files are fetched for the one before it and those that the commit under way has uploaded; what holds for the new
 * one as well is taken over.
 */
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
    const ended = new AbortController();
    const signal = AbortSignal.any([request.signal, ended.signal]);
    let early: Promise<Gated | undefined> = Promise.resolve(undefined);
    let preparing: Promise<Prepared> | undefined;
    const held: Promise<ReadonlyMap<unknown, CacheLease>>[] = [];
    const prepare = async (snapshotId: number, known: Promise<Gated | undefined>): Promise<Prepared> => {
      const { gated, files } = await this.gatedFiles(request, snapshotId, known, signal);
      const planned = [...files.values()].flatMap(({ plan }) => plannedFiles(plan));
      const fetching = this.fetchOf(snapshotId, planned, signal);
      held.push(fetching);
      return { gated, files, leases: await fetching };
    };
    try {
      const resolving = this.resolver.resolve(request.tenantId, request.snapshot, request.signal, {
        waiting: (latestId) => {
          early = unlessFailed(this.gateAt(request, latestId, signal));
          prepare(latestId, early).catch(() => undefined);
        },
        uploaded: (files) => {
          const fetching = this.fetchAhead(files, early, signal);
          fetching.catch(() => undefined);
          held.push(fetching);
        },
        found: (snapshotId) => {
          preparing = prepare(snapshotId, early);
          preparing.catch(() => undefined);
        },
      });
      const snapshot = await resolving;
      const { gated, files, leases } = await (preparing ?? prepare(snapshot.snapshotId, early));
      const visible = gated.query.readsCatalog ? gated.tables : gated.read;
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
      ended.abort(new Error('the query has ended'));
      for (const fetching of held) fetching.then(releaseAll, () => undefined);
    }
  }

  /** `known` is what was gated for an earlier snapshot, if anything: it holds where the tables are the same. */
  private async gatedFiles(
    request: QueryRequest,
    snapshotId: number,
    known: Promise<Gated | undefined>,
    signal: AbortSignal,
  ): Promise<{ gated: Gated; files: FilesByTable }> {
    const early = await known;
    if (early === undefined) {
      const gated = await this.gateAt(request, snapshotId, signal);
      return { gated, files: await this.filesOf(snapshotId, gated.read) };
    }
    const [tables, files] = await Promise.all([
      this.catalog.tablesAt(request.tenantId, snapshotId),
      this.filesOf(snapshotId, early.read),
    ]);
    if (isDeepStrictEqual(tables, early.tables)) return { gated: early, files };
    const gated = await this.gate(request.sql, tables, signal);
    return { gated, files: await this.filesOf(snapshotId, gated.read) };
  }

  private async gateAt(
    { tenantId, sql }: QueryRequest,
    snapshotId: number,
    signal: AbortSignal,
  ): Promise<Gated> {
    return this.gate(sql, await this.catalog.tablesAt(tenantId, snapshotId), signal);
  }

  private async gate(sql: string, tables: readonly SnapshotTable[], signal: AbortSignal): Promise<Gated> {
    const shapes = tables.map(({ tableName, columns }) => ({ name: tableName, columns }));
    try {
      const query = await this.engine.gate(sql, shapes, signal);
      return { tables, query, read: tables.filter((table) => query.tables.includes(table.tableName)) };
    } catch (error) {
      if (!(error instanceof UnknownTableError)) throw engineError(error);
      const { table, position } = error;
      throw new AppError(SQL_INVALID, error.message, {
        context: { table, ...(position !== undefined && { position }) },
      });
    }
  }

  private async filesOf(snapshotId: number, tables: readonly SnapshotTable[]): Promise<FilesByTable> {
    if (tables.length === 0) return new Map();
    const files = await this.snapshotFiles.liveFiles(
      { snapshotId },
      tables.map(({ tableId }) => tableId),
    );
    const planned = tables.map(async (table): Promise<[number, TableFiles]> => {
      const plan = mergePlan(files.get(table.tableId) ?? [], table.key);
      return [table.tableId, { plan, layouts: await fileLayouts(this.catalog, table, plannedFiles(plan)) }];
    });
    return new Map(await Promise.all(planned));
  }

  /** Files that a commit under way has uploaded, of the tables that the statement reads. */
  private async fetchAhead(
    files: readonly UploadedFile[],
    known: Promise<Gated | undefined>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<unknown, CacheLease>> {
    const read = new Set((await known)?.read.map(({ tableId }) => tableId));
    return this.fetch(
      files.filter(({ tableId }) => read.has(tableId)),
      signal,
    );
  }

  /** As `fetch`, of files that the snapshot has: where one is gone it has expired. */
  private async fetchOf(
    snapshotId: number,
    files: readonly SnapshotDataFile[],
    signal: AbortSignal,
  ): Promise<Leases> {
    try {
      return await this.fetch(files, signal);
    } catch (error) {
      throw error instanceof ObjectNotFoundError ? expired(snapshotId, error) : error;
    }
  }

  /** All files or none: what was fetched is given back when one fails. */
  private async fetch<File extends CachedObject>(
    files: readonly File[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<File, CacheLease>> {
    const fetched = await Promise.allSettled(files.map((file) => this.cache.acquire(file, { signal })));
    const leases = new Map<File, CacheLease>();
    files.forEach((file, index) => {
      const outcome = fetched[index];
      if (outcome?.status === 'fulfilled') leases.set(file, outcome.value);
    });
    const failed = fetched.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined) return leases;
    releaseAll(leases);
    throw failed.reason;
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

function queryTable(table: SnapshotTable, files: FilesByTable, leases: Leases): QueryTable {
  const { tableName: name, columns, key } = table;
  const { plan, layouts } = files.get(table.tableId) ?? {};
  const { plain = [], older = [], merged = [], deletes = [] } = plan ?? {};
  const versions = [...(layouts?.keys() ?? [])];
  const local = (wanted: readonly SnapshotDataFile[]): QueryFile[] =>
    wanted.flatMap((file) => {
      const lease = leases.get(file);
      if (lease === undefined) return [];
      const layout = versions.indexOf(file.schemaVersion);
      return { path: lease.path, rows: file.recordCount, ...(layout >= 0 && { layout }) };
    });
  const shared = { name, columns, ...(layouts !== undefined && { layouts: [...layouts.values()] }) };
  if (deletes.length === 0) return { ...shared, files: local(plain) };
  return {
    ...shared,
    files: local(plain),
    merged: { older: local(older), files: local(merged), deletes: local(deletes), key },
  };
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

function releaseAll(leases: ReadonlyMap<unknown, CacheLease>): void {
  for (const lease of leases.values()) lease.release();
}

/** Work done ahead may fail for reasons that do not hold any more: then it is as if it had not been done. */
const unlessFailed = <T>(work: Promise<T>): Promise<T | undefined> => work.catch(() => undefined);

function expired(snapshotId: number, cause: Error): AppError {
  return new AppError(SNAPSHOT_EXPIRED, `Files of snapshot ${snapshotId} are gone.`, {
    context: { snapshot_id: snapshotId },
    cause,
  });
}
