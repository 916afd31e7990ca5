import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { failpoint, METADATA_COLUMNS, type Column } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import { raiseIncident, type Tx } from '../../database/index.js';
import { DeadLetterStore, INGEST_BUS, type Claim, type DeadEvent, type IngestBus } from '../bus/index.js';
import type { PartitionFile } from '../engine/index.js';
import { newPublicationId, Publisher, type AppendedTable } from '../snapshots/index.js';
import { TableLayouts, TableSchemas, type FileLayout } from '../tables/index.js';
import { tablesOf, type TableEvents } from './claim-files.js';
import { ClaimUploads, type ClaimFile } from './claim-uploads.js';
import { partitionFolders } from './partition-folders.js';
import { TableWriter } from './table-writer.js';

const TOKEN_FIELD_ID = METADATA_COLUMNS[0].id;

/** What was written of a table, on local disk. */
interface LocalTable extends Omit<AppendedTable, 'fileIds'> {
  readonly files: readonly ClaimFile[];
  readonly dead: readonly DeadEvent[];
}

/**
 * Turns one claim into one snapshot: typed Parquet for each table, pending rows, uploads, publication. Events that can
 * never be written go to the dead letters with the publication.
 * What it leaves behind when it stops half way is invisible and is healed by the next claim and by garbage collection.
 */
@Injectable()
export class ClaimCommitter {
  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(TableWriter) private readonly writer: TableWriter,
    @Inject(ClaimUploads) private readonly uploads: ClaimUploads,
    @Inject(TableLayouts) private readonly layouts: TableLayouts,
    @Inject(TableSchemas) private readonly schemas: TableSchemas,
    @Inject(DeadLetterStore) private readonly deadLetters: DeadLetterStore,
    @Inject(Publisher) private readonly publisher: Publisher,
    @Inject(settingsOf('commit')) private readonly settings: Settings['commit'],
  ) {}

  /**
   * Answers the id of the snapshot. `waitedFor` says that someone waits for it. Rejects when `signal` aborts; what was
   * published by then stays published. Rejects with `UnknownEventFault` where the range must be split.
   */
  async commit(claim: Claim, waitedFor: boolean, signal: AbortSignal): Promise<number> {
    await failpoint('commit.claimed');
    const directory = join(this.settings.scratchDir, `claim-${claim.claimId}-${claim.attempt}`);
    try {
      const written: LocalTable[] = [];
      for (const table of tablesOf(claim)) {
        signal.throwIfAborted();
        written.push(await this.writeTable(claim, table, directory, signal));
      }
      const tables = await this.uploadTables(claim, written, waitedFor, signal);
      const dead = written.flatMap((table) => table.dead);
      const snapshotId = await this.publisher.append(
        {
          tenantId: claim.tenantId,
          publicationId: newPublicationId(),
          baseToken: claim.baseToken,
          lastToken: claim.lastToken,
          tables,
          createdBy: claim.consumer,
          deadEvents: dead.length,
          setAside: (tx) => this.setAside(tx, claim, dead),
          fence: (tx) => this.bus.fence(tx, claim),
        },
        signal,
      );
      await failpoint('commit.published');
      return snapshotId;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  private async uploadTables(
    claim: Claim,
    written: readonly LocalTable[],
    waitedFor: boolean,
    signal: AbortSignal,
  ): Promise<AppendedTable[]> {
    const files = written.flatMap((table) => table.files);
    const fileIds = await this.uploads.upload(claim, files, waitedFor, signal);
    return written.map(({ files: _, dead: __, ...table }) => {
      const own = fileIds.filter((_id, index) => files[index]?.tableId === table.tableId);
      return { ...table, fileIds: own };
    });
  }

  private async writeTable(
    claim: Claim,
    table: TableEvents,
    directory: string,
    signal: AbortSignal,
  ): Promise<LocalTable> {
    const { tableId, maxVisibilityToken } = table;
    const layout = (await this.layouts.current([tableId])).get(tableId);
    // Dropped, which is for ever: its events are not worth a file, and could not hold the others up if they are faulty.
    if (layout === undefined)
      return { tableId, maxVisibilityToken, eventCount: table.recordCount, files: [], dead: [] };
    const work = { table, layout, directory, attempt: claim.attempt };
    const { files, deletes, eventCount, dead } = await this.writer.write(work, signal);
    const { schemaVersion, primaryKeyIds } = layout;
    const columns = await this.schemas.at(tableId, schemaVersion);
    const local = [
      ...files.map((file) => dataFile(table, layout, columns, file)),
      ...(deletes === undefined
        ? []
        : [{ ...placeOf(table), schemaVersion, file: deletes, equalityFieldIds: primaryKeyIds }]),
    ];
    return { tableId, maxVisibilityToken, eventCount, files: local, dead };
  }

  private async setAside(tx: Tx, claim: Claim, dead: readonly DeadEvent[]): Promise<void> {
    const [first] = dead;
    if (first === undefined) return;
    await this.deadLetters.insert(tx, claim.tenantId, dead);
    await raiseIncident(tx, {
      tenantId: claim.tenantId,
      type: 'dead_letters',
      severity: 'warning',
      summary: `${dead.length} event(s) could not be written and went to the dead letters`,
      details: {
        count: dead.length,
        table_ids: [...new Set(dead.map(({ tableId }) => tableId))],
        first_token: first.token,
        first_reason: first.reason,
      },
      actor: claim.consumer,
    });
  }
}

/** Tokens of a keyed table are those of the range: a row that another one of its key took over lies in no file. */
const placeOf = ({ tableId, minVisibilityToken, maxVisibilityToken }: TableEvents) => ({
  tableId,
  tokens: { first: minVisibilityToken, last: maxVisibilityToken },
});

function dataFile(
  table: TableEvents,
  { schemaVersion, primaryKeyIds, partitionSpec: spec }: FileLayout,
  columns: readonly Column[],
  file: PartitionFile,
): ClaimFile {
  const folders = partitionFolders(spec.fields, columns, file.partition);
  const { min, max } = file.columnStats[TOKEN_FIELD_ID] ?? {};
  const own = { first: Number(min), last: Number(max) };
  const { tableId, tokens } = placeOf(table);
  return {
    tableId,
    schemaVersion,
    tokens: primaryKeyIds.length > 0 ? tokens : own,
    partition: { specId: spec.spec_id, values: file.partition, folders },
    file,
  };
}
