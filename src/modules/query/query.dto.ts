import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Allow, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import type { ResultValue } from '../engine/index.js';
import type { QueryAnswer } from './query.service.js';

const VALUE = {
  oneOf: [
    { type: 'string', nullable: true },
    { type: 'number' },
    { type: 'boolean' },
    {
      type: 'object',
      required: ['type', 'value'],
      additionalProperties: false,
      properties: { type: { type: 'string', example: 'timestamptz' }, value: {} },
    },
  ],
} as const;

export class QueryDto {
  @ApiProperty({
    description: 'One SELECT over the tables of the tenant, of 64 KiB at most.',
    example: 'SELECT currency, sum(amount) AS total FROM orders WHERE amount > $min GROUP BY currency',
  })
  @IsString()
  sql!: string;

  @ApiPropertyOptional({
    description:
      'An object for `$name`, an array for `?`. A bare whole number is a long, another number a double. A typed value has the type of a column, lists and structs included.',
    oneOf: [
      { type: 'object', additionalProperties: VALUE },
      { type: 'array', items: VALUE },
    ],
    example: { min: { type: 'decimal(18,4)', value: '10.00' } },
  } as never)
  @Allow()
  params?: unknown;

  @ApiPropertyOptional({ description: 'Query this snapshot.', minimum: 0, example: 42 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  snapshot_id?: number;

  @ApiPropertyOptional({
    description: 'Query the last snapshot that was created at or before this time.',
    format: 'date-time',
    example: '2026-03-01T09:30:00Z',
  })
  @IsOptional()
  @IsString()
  snapshot_time?: string;

  @ApiPropertyOptional({
    description: 'Wait until every write up to this token is visible, and query that.',
    minimum: 0,
    example: 1500,
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  min_visibility_token?: number;

  @ApiPropertyOptional({
    description: 'How long to wait for `min_visibility_token`.',
    minimum: 0,
    example: 5000,
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  consistency_timeout_ms?: number;

  @ApiPropertyOptional({
    description: 'Rows of the answer at most. Cut to the limit of the server.',
    minimum: 1,
    example: 100,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  row_limit?: number;

  @ApiPropertyOptional({
    description: 'How long the query may run. Cut to the limit of the server.',
    minimum: 1,
    example: 10_000,
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  timeout_ms?: number;
}

export class QueryColumnDto {
  @ApiProperty({ example: 'total' })
  name!: string;

  @ApiProperty({ example: 'decimal(38,4)' })
  type!: string;
}

export class QueryStatsDto {
  @ApiProperty({ type: 'integer', description: 'From the request to its last row.', example: 42 })
  duration_ms!: number;

  @ApiProperty({ type: 'integer', description: 'Of that, waiting for a worker.', example: 0 })
  queued_ms!: number;

  @ApiProperty({ type: 'integer', example: 3 })
  scanned_files!: number;

  @ApiProperty({ type: 'integer', example: 1_048_576 })
  scanned_bytes!: number;

  @ApiProperty({ type: 'integer', description: 'Files that could be left out.', example: 0 })
  pruned_files!: number;
}

export class QueryReplyDto {
  @ApiProperty({ type: [QueryColumnDto] })
  columns!: readonly QueryColumnDto[];

  @ApiProperty({
    type: 'array',
    items: { type: 'array', items: {} },
    description: 'Values in the order of the columns.',
    example: [['EUR', '120.5000']],
  })
  rows!: readonly (readonly ResultValue[])[];

  @ApiProperty({ type: 'integer', example: 1 })
  row_count!: number;

  @ApiProperty({ type: Boolean, description: 'True when there were more rows.', example: false })
  truncated!: boolean;

  @ApiProperty({ type: 'integer', example: 42 })
  snapshot_id!: number;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-03-01T09:30:00.000Z' })
  snapshot_time!: string;

  @ApiProperty({ type: 'integer', description: 'Every write up to this token is in.', example: 1500 })
  max_visibility_token!: number;

  @ApiProperty({ type: QueryStatsDto })
  stats!: QueryStatsDto;
}

export function toQueryReplyDto(answer: QueryAnswer): QueryReplyDto {
  const { result, snapshot } = answer;
  return {
    columns: result.columns,
    rows: result.rows,
    row_count: result.rows.length,
    truncated: result.truncated,
    snapshot_id: snapshot.snapshotId,
    snapshot_time: snapshot.createdAt.toISOString(),
    max_visibility_token: snapshot.maxVisibilityToken,
    stats: {
      duration_ms: Math.round(answer.durationMs),
      queued_ms: Math.round(result.queuedMs),
      scanned_files: answer.scannedFiles,
      scanned_bytes: answer.scannedBytes,
      pruned_files: 0,
    },
  };
}
