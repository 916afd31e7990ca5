import { Inject, Injectable } from '@nestjs/common';
import type { PartitionSpec, SortField } from '../../kernel/index.js';
import { prepared, query, Transactions } from '../../database/index.js';

/** What new files of a table are like, as of one moment. */
export interface FileLayout {
  readonly schemaVersion: number;
  /** Field ids of the primary key's columns, in order; none where the table has no key. */
  readonly primaryKeyIds: readonly number[];
  readonly partitionSpec: PartitionSpec;
  /** Empty: by the key of the table, else by event time. */
  readonly sortOrder: readonly SortField[];
}

/** For those who write files. */
@Injectable()
export class TableLayouts {
  constructor(@Inject(Transactions) private readonly transactions: Transactions) {}

  /** By table id. Dropped tables are absent. */
  async current(tableIds: readonly number[]): Promise<Map<number, FileLayout>> {
    const rows = await this.transactions.pooled((pool) =>
      query<{
        table_id: number;
        schema_version: number;
        primary_key_ids: number[];
        partition_spec: PartitionSpec;
        sort_order: readonly SortField[];
      }>(
        pool,
        prepared('file_layouts')`SELECT table_id, schema_version, primary_key_ids, sort_order,
                   (SELECT s FROM jsonb_array_elements(partition_specs) s
                    WHERE (s ->> 'spec_id')::int = partition_spec_id) AS partition_spec
            FROM table_def WHERE table_id = ANY (${tableIds}::bigint[]) AND dropped_snapshot_id IS NULL`,
      ),
    );
    return new Map(
      rows.map((row) => [
        row.table_id,
        {
          schemaVersion: row.schema_version,
          primaryKeyIds: row.primary_key_ids,
          partitionSpec: row.partition_spec,
          sortOrder: row.sort_order,
        },
      ]),
    );
  }
}
