import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

export type SnapshotOperation = 'append' | 'compact' | 'delete' | 'restore' | 'schema';

@Entity({ name: 'snapshot' })
export class SnapshotEntity {
  @PrimaryGeneratedColumn('identity', { name: 'snapshot_id', type: 'bigint' })
  snapshotId!: number;

  @Column({ name: 'tenant_id', type: 'text' })
  tenantId!: string;

  @Column({ name: 'parent_snapshot_id', type: 'bigint', nullable: true })
  parentSnapshotId!: number | null;

  @Column({ type: 'text' })
  operation!: SnapshotOperation;

  @Column({ name: 'max_visibility_token', type: 'bigint' })
  maxVisibilityToken!: number;

  @Column({ name: 'sequence_number', type: 'bigint' })
  sequenceNumber!: number;

  @Column({ name: 'publication_id', type: 'uuid' })
  publicationId!: string;

  @Column({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ name: 'expired_at', type: 'timestamptz', nullable: true })
  expiredAt!: Date | null;

  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;

  @Column({ type: 'jsonb' })
  summary!: Record<string, unknown>;
}
