import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { PartitionValues } from '../../kernel/index.js';

/** Statistics of one column of a file. `min` and `max` are text in the column's own type; absent when unknown. */
export interface ColumnStatistics {
  readonly min: string | null;
  readonly max: string | null;
  /** Absent for parts of nested columns. */
  readonly nullCount?: number;
  /** Of float and double, also in structs. Absent for what is inside of lists. */
  readonly nanCount?: number;
}

/** An object and what is known of it. State: pending -> live -> removed -> deleting; pending -> removed. */
@Entity({ name: 'data_file' })
export class DataFileEntity {
  @PrimaryGeneratedColumn('identity', { name: 'file_id', type: 'bigint' })
  fileId!: number;

  @Column({ name: 'tenant_id', type: 'text' })
  tenantId!: string;

  @Column({ name: 'table_id', type: 'bigint' })
  tableId!: number;

  @Column({ name: 'claim_id', type: 'bigint', nullable: true })
  claimId!: number | null;

  @Column({ type: 'text' })
  path!: string;

  /** `deletes`: keys with the tokens that they were written or deleted at, for rows that lie in files before it. */
  @Column({ type: 'text', default: 'data' })
  content!: 'data' | 'deletes';

  /** Field ids of the primary key where the content is deletes, else none. */
  @Column({ name: 'equality_field_ids', type: 'integer', array: true, default: [] })
  equalityFieldIds!: readonly number[];

  @Column({ name: 'schema_version', type: 'integer' })
  schemaVersion!: number;

  /** The partition spec that it was written under; 0 is the unpartitioned one. */
  @Column({ name: 'spec_id', type: 'integer', default: 0 })
  specId!: number;

  /** By partition field id. Empty where the spec has no fields, and where the file holds a mix. */
  @Column({ name: 'partition_values', type: 'jsonb', default: {} })
  partitionValues!: PartitionValues;

  @Column({ name: 'mixed_partitions', type: 'boolean', default: false })
  mixedPartitions!: boolean;

  @Column({ name: 'record_count', type: 'bigint' })
  recordCount!: number;

  @Column({ name: 'file_size_bytes', type: 'bigint' })
  fileSizeBytes!: number;

  @Column({ type: 'bytea' })
  sha256!: Buffer;

  @Column({ name: 'min_visibility_token', type: 'bigint' })
  minVisibilityToken!: number;

  @Column({ name: 'max_visibility_token', type: 'bigint' })
  maxVisibilityToken!: number;

  @Column({ name: 'min_event_time', type: 'timestamptz', nullable: true })
  minEventTime!: string | null;

  @Column({ name: 'max_event_time', type: 'timestamptz', nullable: true })
  maxEventTime!: string | null;

  @Column({ name: 'column_stats', type: 'jsonb' })
  columnStats!: Record<string, ColumnStatistics>;
}
