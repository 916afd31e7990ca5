import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min, ValidateNested } from 'class-validator';
import { MAX_RETENTION_MS, MIN_RETENTION_MS } from './retention.js';

export const RETENTION_DOC =
  'How long rows are to be kept; null: for ever. It is stored and shown: nothing is removed by it yet.';

export class RetentionDto {
  @ApiProperty({
    type: 'integer',
    minimum: MIN_RETENTION_MS,
    maximum: MAX_RETENTION_MS,
    description: 'Age by `_event_time` that a row reaches at least.',
    example: 2_592_000_000,
  })
  @IsInt()
  @Min(MIN_RETENTION_MS)
  @Max(MAX_RETENTION_MS)
  max_age_ms!: number;
}

/** Property decorator of a request. */
export const RetentionField = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({ type: RetentionDto, nullable: true, description: RETENTION_DOC }),
    IsOptional(),
    ValidateNested(),
    Type(() => RetentionDto),
  );
