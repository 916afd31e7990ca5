import { Inject, Injectable } from '@nestjs/common';
import { Transactions } from '../../database/index.js';
import type { ColumnStatistics } from './data-file.entity.js';
import type { ResolvedSnapshot } from './snapshot-resolver.js';
import { readLiveFiles } from './sql/live-files.js';

export interface SnapshotDataFile {
  readonly fileId: number;
  readonly tableId: number;
  /** Object key. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
  readonly recordCount: number;
  readonly schemaVersion: number;
  /** `deletes` hide rows of data files with a lower sequence number. */
  readonly content: 'data' | 'deletes';
  readonly sequenceNumber: number;
  /** No row of the file has a token beyond these. */
  readonly minToken: number;
  readonly maxToken: number;
  /** Statistics of the primary key's columns by field id; null where the table has no key. */
  readonly keyStats: Readonly<Record<string, ColumnStatistics | null>> | null;
}

@Injectable()
export class SnapshotFiles {
  constructor(@Inject(Transactions) private readonly transactions: Transactions) {}

  /** By table id, oldest first. A table without files is absent. */
  async liveFiles(
    { snapshotId }: Pick<ResolvedSnapshot, 'snapshotId'>,
    tableIds: readonly number[],
  ): Promise<Map<number, SnapshotDataFile[]>> {
    const rows = await this.transactions.pooled((pool) => readLiveFiles(pool, snapshotId, tableIds));
    const files = new Map<number, SnapshotDataFile[]>();
    for (const row of rows) {
      const file: SnapshotDataFile = {
        fileId: row.file_id,
        tableId: row.table_id,
        key: row.path,
        sizeBytes: row.file_size_bytes,
        sha256: row.sha256.toString('hex'),
        recordCount: row.record_count,
        schemaVersion: row.schema_version,
        content: row.content,
        sequenceNumber: row.sequence_number,
        minToken: row.min_visibility_token,
        maxToken: row.max_visibility_token,
        keyStats: row.key_stats,
      };
      const ofTable = files.get(row.table_id);
      if (ofTable === undefined) files.set(row.table_id, [file]);
      else ofTable.push(file);
    }
    return files;
  }
}
