import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsArray, IsIn, IsOptional, IsString, ValidateNested } from 'class-validator';
import type { SortDirection } from '../../kernel/index.js';
import { aboutColumn } from './definition-fault.js';

export const PARTITION_SPEC_DOC =
  'How new files are split: a file holds rows of one partition, as far as there are not too many at once. ' +
  'Up to 4 fields; empty: not at all.';
export const SORT_ORDER_DOC =
  'How the rows of new files are sorted, so that queries can skip parts of them. Up to 8 columns; empty: by event time.';

const DIRECTIONS = ['asc', 'desc'];

export class PartitionFieldDto {
  static about({ column }: PartitionFieldDto): object {
    return aboutColumn(column);
  }

  @ApiProperty({
    description: 'A column of the table, `_event_time` or `_ingested_at`.',
    example: '_event_time',
  })
  @IsString()
  column!: string;

  @ApiProperty({
    description:
      'identity, year, month, day, hour, bucket(n) or truncate(n), as in Iceberg. Which of them a column takes, and ' +
      'how large n may be, depends on its type.',
    example: 'hour',
  })
  @IsString()
  transform!: string;
}

export class SortFieldDto {
  static about({ column }: SortFieldDto): object {
    return aboutColumn(column);
  }

  @ApiProperty({
    description: 'A column of the table, `_event_time` or `_ingested_at`.',
    example: '_event_time',
  })
  @IsString()
  column!: string;

  @ApiPropertyOptional({
    enum: DIRECTIONS,
    default: 'asc',
    description: 'Nulls come first, and last with desc.',
    example: 'asc',
  })
  @IsOptional()
  @IsIn(DIRECTIONS, { context: { allowed: DIRECTIONS } })
  direction?: SortDirection;
}

/** Property decorator of a request. `note` goes behind the description. */
export const PartitionSpecField = (note: string): PropertyDecorator =>
  listField(PartitionFieldDto, 4, `${PARTITION_SPEC_DOC} ${note}`);

/** Property decorator of a request. */
export const SortOrderField = (): PropertyDecorator => listField(SortFieldDto, 8, SORT_ORDER_DOC);

const listField = (
  type: typeof PartitionFieldDto | typeof SortFieldDto,
  maxItems: number,
  description: string,
): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({ type: [type], maxItems, description }),
    IsOptional(),
    IsArray(),
    ValidateNested({ each: true }),
    Type(() => type),
  );
