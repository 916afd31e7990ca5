import type { DuckDBConnection, DuckDBResult } from '@duckdb/node-api';
import type { QueryJob, ResultColumn } from '../query-engine.js';
import { queryFaultOf } from './duckdb-faults.js';
import { type OpenInstance, openInstance } from './instance.js';
import { type ChildSetup, FaultError } from './protocol.js';
import { bindParameters } from './query-params.js';
import { prepareScript } from './query-sql.js';
import { jsonValue } from './result-json.js';
import { typeName } from './result-type.js';
import { type RowStream, RowWriter } from './row-writer.js';
import { type ChildWork, serve } from './serve.js';

/** What the parent learns by IPC; the rows go through the pipe. */
export interface QueryReply {
  readonly columns: readonly ResultColumn[];
  readonly frames: number;
  readonly truncated: boolean;
}

/**
 * Runs one tenant's statements, each in an instance of its own that is locked before the statement is bound. The next
 * instance is opened ahead, once the last one is closed: there is never more than one.
 */
class QueryWork implements ChildWork {
  private readonly rows = new RowWriter();
  private fresh: Promise<OpenInstance> | undefined;
  private used: OpenInstance | undefined;
  private connection: DuckDBConnection | undefined;
  private cancelled = false;

  constructor(private readonly setup: ChildSetup) {}

  async handle(body: unknown, requestId: number): Promise<QueryReply> {
    const job = body as QueryJob;
    this.cancelled = false;
    const { connection } = await this.take();
    try {
      this.connection = connection;
      this.checkCancelled();
      await connection.run(prepareScript(job.tables));
      return await this.run(connection, job, this.rows.open(requestId, job.maxBytes));
    } catch (error) {
      throw error instanceof FaultError ? error : new FaultError(queryFaultOf(error, job));
    } finally {
      this.connection = undefined;
    }
  }

  /** Where the next instance cannot be had now, its query is told why. */
  async settle(): Promise<void> {
    this.used?.close();
    this.used = undefined;
    this.fresh ??= open(this.setup);
    await this.fresh.catch(() => undefined);
  }

  cancel(): void {
    this.cancelled = true;
    this.connection?.interrupt();
  }

  private async run(connection: DuckDBConnection, job: QueryJob, stream: RowStream): Promise<QueryReply> {
    this.checkCancelled();
    const prepared = await connection.prepare(job.sql);
    await bindParameters(connection, prepared, job.params);
    this.checkCancelled();
    const result = await prepared.stream();
    const columns = result
      .columnNames()
      .map((name, index) => ({ name, type: typeName(result.columnType(index)) }));
    stream.count(Buffer.byteLength(JSON.stringify(columns), 'utf8'));
    const truncated = await this.send(result, job.rowLimit, stream);
    await stream.flush();
    return { columns, frames: stream.frames, truncated };
  }

  /** Answers true when there were more rows than the limit. */
  private async send(result: DuckDBResult, rowLimit: number, stream: RowStream): Promise<boolean> {
    let sent = 0;
    for (
      let chunk = await result.fetchChunk();
      chunk !== null && chunk.rowCount > 0;
      chunk = await result.fetchChunk()
    ) {
      this.checkCancelled();
      for (const row of chunk.getRows()) {
        if (sent === rowLimit) return true;
        sent += 1;
        await stream.add(row.map(jsonValue));
      }
    }
    return false;
  }

  /** An instance that nobody has used, to be closed by `settle`. */
  private async take(): Promise<OpenInstance> {
    const fresh = this.fresh ?? open(this.setup);
    this.fresh = undefined;
    return (this.used = await fresh);
  }

  private checkCancelled(): void {
    if (this.cancelled) throw new FaultError({ kind: 'interrupted', message: 'the query was interrupted' });
  }
}

async function open(setup: ChildSetup): Promise<OpenInstance> {
  const opened = await openInstance(setup);
  await opened.connection.run('SET errors_as_json = true');
  return opened;
}

async function start(setup: ChildSetup): Promise<ChildWork> {
  // Threads, caches and time zones are in memory before the first tenant's query, and before the size is measured.
  const first = await open(setup);
  await first.connection.run(
    "SELECT count(*), max(TIMESTAMPTZ '2020-01-01' + to_days(1)) FROM range(200000) r(i) WHERE i % 7 = 0",
  );
  first.close();
  return new QueryWork(setup);
}

await serve(start);
