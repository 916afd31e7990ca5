import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { Inject, Injectable } from '@nestjs/common';
import { METADATA_COLUMNS, type Column, type SortField } from '../../kernel/index.js';
import type { ClaimedBatch, DeadEvent } from '../bus/index.js';
import {
  ConversionFault,
  EngineFailure,
  WRITE_ENGINE,
  type KeyedWriteJob,
  type PartitionFile,
  type SortColumn,
  type WriteEngine,
  type WriteInput,
  type WriteJob,
  type WrittenFile,
} from '../engine/index.js';
import { keyColumnsOf, TableSchemas, type FileLayout } from '../tables/index.js';
import { bodyOf, readLines, type BodyLine } from './body-lines.js';
import { spreadBodies, tableOf, type TableEvents } from './claim-files.js';
import { deadEventOf } from './dead-event.js';

/** Of one table in one commit. Beyond it, small partitions share files until compaction takes them apart. */
const MAX_FILES = 64;

/** Of `_visibility_token` in every file. */
const TOKEN_FIELD_ID = METADATA_COLUMNS[0].id;

/** An event among several is at fault, and which one is not known: the range must be split. */
export class UnknownEventFault extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = 'UnknownEventFault';
  }
}

export interface TableWork {
  readonly table: TableEvents;
  readonly layout: FileLayout;
  readonly directory: string;
  /** The claim's. */
  readonly attempt: number;
}

export interface WrittenTable {
  /** None where every event is dead, or where each key of a keyed table was deleted last. */
  readonly files: readonly PartitionFile[];
  /** Of a keyed table: every key of the events. Absent where every event is dead. */
  readonly deletes: WrittenFile | undefined;
  /** The events that are not dead. */
  readonly eventCount: number;
  readonly dead: readonly DeadEvent[];
}

/**
 * Writes what a claim holds of one table, and tells events that can never be written from work that was lost. Only the
 * first are dead: an event whose line is not what ingest wrote, or the only event of a file that cannot be converted, or
 * under which the engine dies, twice, while another event gets through.
 */
@Injectable()
export class TableWriter {
  constructor(
    @Inject(WRITE_ENGINE) private readonly engine: WriteEngine,
    @Inject(TableSchemas) private readonly schemas: TableSchemas,
  ) {}

  /**
   * Rejects with `UnknownEventFault` where the range must be split, and as the engine does where the work was lost.
   */
  async write(work: TableWork, signal: AbortSignal): Promise<WrittenTable> {
    const { table } = work;
    if (table.recordCount === 0) return { ...NOTHING, dead: [] };
    const job = await this.jobOf(work);
    try {
      return await this.run(job, table, signal);
    } catch (error) {
      if (signal.aborted || !saysSomethingOfTheData(error)) throw error;
      const { rest, dead } = await this.sortOut(table);
      if (dead.length > 0) {
        if (rest === undefined) return { ...NOTHING, dead };
        const others = await this.write({ ...work, table: rest }, signal);
        return { ...others, dead: [...dead, ...others.dead] };
      }
      if (table.recordCount > 1)
        throw error instanceof ConversionFault ? new UnknownEventFault(error) : error;
      // A child may have died for a reason of its own: the event is suspected from the second attempt on.
      if (error instanceof ConversionFault || (isDeath(error) && work.attempt > 1))
        return this.tryLoneEvent(work, job, signal);
      throw error;
    }
  }

  private async run(
    job: WriteJob | KeyedWriteJob,
    table: TableEvents,
    signal: AbortSignal,
  ): Promise<WrittenTable> {
    if (!('key' in job)) return written(await this.engine.writeParquet(job, signal), table);
    const { data, deletes, minToken, maxToken, rowCount } = await this.engine.writeKeyed(job, signal);
    refuseOtherTokens(minToken, maxToken, table);
    return { files: data, deletes, eventCount: rowCount, dead: [] };
  }

  /** Once more, so that only what fails each time counts; and an event of nulls must get through. */
  private async tryLoneEvent(
    work: TableWork,
    job: WriteJob | KeyedWriteJob,
    signal: AbortSignal,
  ): Promise<WrittenTable> {
    try {
      return await this.run(job, work.table, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof ConversionFault || isDeath(error))) throw error;
      await this.engine.writeParquet(await controlOf(job, work.directory), signal);
      const what = isDeath(error) ? 'the engine does not survive it: ' : '';
      return this.dead(work.table, what + reasonOf(error, job));
    }
  }

  private async jobOf(work: TableWork): Promise<WriteJob | KeyedWriteJob> {
    const { table, directory } = work;
    const { schemaVersion, primaryKeyIds, partitionSpec, sortOrder } = work.layout;
    const { tableId, batches, recordCount } = table;
    const bodies = await spreadBodies(table, directory);
    const columns = await this.schemas.at(tableId, schemaVersion);
    const key = keyColumnsOf(columns, primaryKeyIds);
    const job: WriteJob = {
      inputs: await Promise.all(
        bodies.map(async (body): Promise<WriteInput> => ({
          bodyFile: body.path,
          columns: await this.schemas.at(tableId, body.schemaVersion),
        })),
      ),
      batches: batches.map((batch) => ({
        batchId: batch.batchId,
        firstToken: batch.firstToken,
        ingestedAt: batch.ingestedAt.toISOString(),
      })),
      columns,
      sortBy: sortOrder.length > 0 ? sortColumns(sortOrder, columns) : key.map(({ name }) => ({ name })),
      partitionBy: partitionSpec.fields,
      maxFiles: MAX_FILES,
      output: join(directory, `${tableId}.parquet`),
      expectedRows: recordCount,
    };
    if (key.length === 0) return job;
    return { ...job, key, deletesOutput: join(directory, `${tableId}-deletes.parquet`) };
  }

  /** Takes the events out whose lines are not what ingest wrote: those are known without the engine. */
  private async sortOut(table: TableEvents): Promise<{ rest: TableEvents | undefined; dead: DeadEvent[] }> {
    const rest: ClaimedBatch[] = [];
    const dead: DeadEvent[] = [];
    for (const batch of table.batches) {
      if (batch.recordCount === 0) continue;
      const lines = await readLines(batch);
      const columns = await this.schemas.at(table.tableId, batch.schemaVersion);
      for (const line of lines) {
        if (line.fault !== undefined) dead.push(deadEventOf(line, batch, columns, line.fault));
      }
      const kept = lines.filter(({ fault }) => fault === undefined);
      if (kept.length === lines.length) rest.push(batch);
      else if (kept.length > 0) rest.push(await onlyWith(batch, kept));
    }
    return { rest: rest.length === 0 ? undefined : tableOf(rest), dead };
  }

  private async dead(table: TableEvents, reason: string): Promise<WrittenTable> {
    const dead: DeadEvent[] = [];
    for (const batch of table.batches.filter(({ recordCount }) => recordCount > 0)) {
      const columns = await this.schemas.at(table.tableId, batch.schemaVersion);
      for (const line of await readLines(batch)) dead.push(deadEventOf(line, batch, columns, reason));
    }
    return { ...NOTHING, dead };
  }
}

const NOTHING = { files: [], deletes: undefined, eventCount: 0 } as const;

/** Throws a `ConversionFault` where a line claims a token that is not its table's in this claim. */
function written(files: readonly PartitionFile[], table: TableEvents): WrittenTable {
  for (const file of files) {
    const { min = null, max = null } = file.columnStats[String(TOKEN_FIELD_ID)] ?? {};
    // No bounds are the engine's fault and say nothing of the data.
    if (min === null || max === null)
      throw new EngineFailure('internal', 'the file has no bounds of its tokens');
    refuseOtherTokens(Number(min), Number(max), table);
  }
  const eventCount = files.reduce((sum, file) => sum + file.rowCount, 0);
  return { files, deletes: undefined, eventCount, dead: [] };
}

function sortColumns(sortOrder: readonly SortField[], columns: readonly Column[]): SortColumn[] {
  const all: readonly Column[] = [...METADATA_COLUMNS, ...columns];
  return sortOrder.map(({ source_id: id, direction }) => {
    const column = all.find((candidate) => candidate.id === id);
    if (column === undefined) throw new Error(`the table has no column ${id} to sort by`);
    return { name: column.name, descending: direction === 'desc' };
  });
}

function refuseOtherTokens(min: number, max: number, table: TableEvents): void {
  if (min < table.minVisibilityToken || max > table.maxVisibilityToken)
    throw new ConversionFault('the bodies hold tokens that are not of this claim');
}

/** The first line of the engine's message, without the paths of its files: tenants read it. */
function reasonOf(error: Error, job: WriteJob | KeyedWriteJob): string {
  const [first = ''] = error.message.split('\n');
  const paths = [
    ...job.inputs.map(({ bodyFile }) => bodyFile),
    job.output,
    ...('deletesOutput' in job ? [job.deletesOutput] : []),
  ];
  return paths.reduce((text, path) => text.replaceAll(path, 'body'), first);
}

const isDeath = (error: unknown): error is EngineFailure =>
  error instanceof EngineFailure && (error.reason === 'died' || error.reason === 'memory');

/** Not a lost lease, a closed engine, a child that does not start, or a full disk of our own. */
const saysSomethingOfTheData = (error: unknown): error is ConversionFault | EngineFailure =>
  error instanceof ConversionFault ||
  isDeath(error) ||
  (error instanceof EngineFailure && (error.reason === 'io' || error.reason === 'internal'));

/** The batch with the given lines alone. */
async function onlyWith(batch: ClaimedBatch, lines: readonly BodyLine[]): Promise<ClaimedBatch> {
  const kept = new Set(lines.map(({ token }) => token - batch.firstToken));
  const ordinals = Array.from({ length: batch.lastToken - batch.firstToken + 1 }, (_, ordinal) => ordinal);
  return {
    ...batch,
    recordCount: lines.length,
    skippedOrdinals: ordinals.filter((ordinal) => !kept.has(ordinal)),
    body: await bodyOf(lines),
  };
}

/** The given job for one event that has nothing but nulls, without key and partitions. */
async function controlOf(job: WriteJob | KeyedWriteJob, directory: string): Promise<WriteJob> {
  const batchId = job.batches[0]?.batchId ?? 0;
  const bodyFile = join(directory, 'control.ndjson.zst');
  const line = { b: batchId, o: 0, op: 'insert', k: 'control', p: {} };
  await writeFile(bodyFile, zstdCompressSync(`${JSON.stringify(line)}\n`), { mode: 0o600 });
  return {
    inputs: job.inputs.slice(0, 1).map((input) => ({ ...input, bodyFile })),
    batches: job.batches,
    columns: job.columns,
    sortBy: job.sortBy,
    output: join(directory, 'control.parquet'),
    expectedRows: 1,
  };
}
