import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min, ValidateNested } from 'class-validator';
import { MAX_RETENTION_MS, MIN_RETENTION_MS } from './retention.js';

const MAX_AGE = {
  type: 'integer',
  minimum: MIN_RETENTION_MS,
  maximum: MAX_RETENTION_MS,
  description: 'Age by `_event_time` that a row reaches at least.',
  example: 2_592_000_000,
} as const;

/** Of a request or an answer. */
export const RETENTION_SCHEMA = {
  type: 'object',
  properties: { max_age_ms: MAX_AGE },
  required: ['max_age_ms'],
  nullable: true,
  description: `How long rows are to be kept: \`max_age_ms\`, from ${MIN_RETENTION_MS} to ${MAX_RETENTION_MS}, by \`_event_time\`; null: for ever. It is stored and shown: nothing is removed by it yet.`,
} satisfies ApiPropertyOptions;

export class RetentionDto {
  @ApiProperty(MAX_AGE)
  @IsInt()
  @Min(MIN_RETENTION_MS)
  @Max(MAX_RETENTION_MS)
  max_age_ms!: number;
}

/** Property decorator of a request. */
export const RetentionField = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ ...RETENTION_SCHEMA, selfRequired: false }),
    IsOptional(),
    ValidateNested(),
    Type(() => RetentionDto),
  );
