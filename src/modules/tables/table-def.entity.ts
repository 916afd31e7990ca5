import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { PartitionSpec, SortField } from '../../kernel/index.js';
import type { WindowClass } from '../bus/index.js';
import type { Retention } from './retention.js';
import type { EvolutionMode } from './table-definition.js';

/** A table of a tenant. State: live <-> dropped. The name is free while it is dropped. */
@Entity('table_def')
export class TableDefEntity {
  @PrimaryGeneratedColumn('identity', { name: 'table_id', type: 'bigint' })
  tableId!: number;

  @Column({ name: 'tenant_id', type: 'text' })
  tenantId!: string;

  @Column({ name: 'table_name', type: 'text' })
  tableName!: string;

  @Column({ name: 'partition_specs', type: 'jsonb' })
  partitionSpecs!: readonly PartitionSpec[];

  /** Of new files. */
  @Column({ name: 'partition_spec_id', type: 'integer' })
  partitionSpecId!: number;

  /** Of new files. */
  @Column({ name: 'sort_order', type: 'jsonb' })
  sortOrder!: readonly SortField[];

  @Column({ name: 'idempotency_window', type: 'text', default: '24h' })
  idempotencyWindow!: WindowClass;

  @Column({ name: 'evolution_mode', type: 'text', default: 'strict' })
  evolutionMode!: EvolutionMode;

  /** Null: rows are kept for ever. */
  @Column({ name: 'retention', type: 'jsonb', nullable: true })
  retention!: Retention | null;

  /** Field ids of the primary key's columns, in order; none where the table has no key. Fixed for its life. */
  @Column({ name: 'primary_key_ids', type: 'integer', array: true, default: [] })
  primaryKeyIds!: readonly number[];

  @Column({ name: 'schema_version', type: 'integer' })
  schemaVersion!: number;

  @Column({ name: 'last_column_id', type: 'integer' })
  lastColumnId!: number;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;

  @Column({ name: 'created_snapshot_id', type: 'bigint', nullable: true })
  createdSnapshotId!: number | null;

  @Column({ name: 'dropped_snapshot_id', type: 'bigint', nullable: true })
  droppedSnapshotId!: number | null;
}
