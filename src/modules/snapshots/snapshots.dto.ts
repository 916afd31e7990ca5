import { ApiProperty } from '@nestjs/swagger';
import type { SnapshotEntity, SnapshotOperation } from './snapshot.entity.js';

const OPERATIONS: SnapshotOperation[] = ['append', 'compact', 'delete', 'restore', 'schema'];

export class SnapshotDto {
  @ApiProperty({ type: Number, example: 42 })
  snapshot_id!: number;

  @ApiProperty({ type: Number, nullable: true, example: 41 })
  parent_snapshot_id!: number | null;

  @ApiProperty({ enum: OPERATIONS })
  operation!: SnapshotOperation;

  @ApiProperty({
    type: Number,
    description: 'The watermark: every write up to this token is in.',
    example: 1500,
  })
  max_visibility_token!: number;

  @ApiProperty({ type: Number, example: 7 })
  sequence_number!: number;

  @ApiProperty({ type: String, format: 'date-time' })
  created_at!: string;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Null while it can be queried.',
  })
  expired_at!: string | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    example: { added_files: 1, discarded_events: 0 },
  })
  summary!: Record<string, unknown>;
}

export class SnapshotListDto {
  @ApiProperty({ type: [SnapshotDto], description: 'Newest first.' })
  snapshots!: SnapshotDto[];

  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;
}

export function toSnapshotDto(snapshot: SnapshotEntity): SnapshotDto {
  return {
    snapshot_id: snapshot.snapshotId,
    parent_snapshot_id: snapshot.parentSnapshotId,
    operation: snapshot.operation,
    max_visibility_token: snapshot.maxVisibilityToken,
    sequence_number: snapshot.sequenceNumber,
    created_at: snapshot.createdAt.toISOString(),
    expired_at: snapshot.expiredAt?.toISOString() ?? null,
    summary: snapshot.summary,
  };
}
