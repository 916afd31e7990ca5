import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Limits of one tenant. Null, like a missing row, means the default. */
@Entity('tenant_quota')
export class TenantQuotaEntity {
  @PrimaryColumn({ name: 'tenant_id', type: 'text' })
  tenantId!: string;

  @Column({ name: 'requests_per_second', type: 'integer', nullable: true })
  requestsPerSecond!: number | null;

  @Column({ name: 'records_per_second', type: 'integer', nullable: true })
  recordsPerSecond!: number | null;

  @Column({ name: 'bytes_per_second', type: 'bigint', nullable: true })
  bytesPerSecond!: number | null;

  @Column({ name: 'pending_events', type: 'bigint', nullable: true })
  pendingEvents!: number | null;

  @Column({ name: 'concurrent_queries', type: 'integer', nullable: true })
  concurrentQueries!: number | null;

  @Column({ name: 'query_seconds_per_hour', type: 'bigint', nullable: true })
  querySecondsPerHour!: number | null;

  @Column({ name: 'scanned_bytes_per_hour', type: 'bigint', nullable: true })
  scannedBytesPerHour!: number | null;
}
