import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  Allow,
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  Matches,
  ValidateNested,
} from 'class-validator';
import { AnyJson } from '../../http/index.js';
import { WINDOW_CLASSES, type WindowClass } from '../bus/index.js';
import { COMPATIBILITY_MODES, type CompatibilityMode } from './compatibility.js';
import { invalidDefinition } from './definition-fault.js';
import { RetentionDto, RetentionField } from './retention.dto.js';
import { aboutChange, CHANGE_OPS, MAX_CHANGES, readChanges, type ChangeOp } from './schema-change.js';
import type { TableAlteration } from './table-alterations.service.js';
import { EVOLUTION_MODES, TABLE_NAME, type EvolutionMode } from './table-definition.js';
import { PartitionFieldDto, PartitionSpecField, SortFieldDto, SortOrderField } from './table-layout.dto.js';
import { COMPATIBILITY_DOC, ColumnDto, EVOLUTION_DOC } from './tables.dto.js';

export class TableChangeDto {
  static about(change: TableChangeDto): object {
    return aboutChange(change);
  }

  @ApiProperty({
    enum: CHANGE_OPS,
    description:
      'add_column takes `column`; drop_column `name`; rename_column `from`, `to`; change_type `name`, `type`; ' +
      'set_nullable `name`, `nullable`; set_default `name`, `default`; set_doc `name`, `doc`; ' +
      'move_column `name`, `after`; rename_table `to`. No other field is taken.',
    example: 'rename_column',
  })
  @IsString({ context: { allowed: CHANGE_OPS } })
  op!: ChangeOp;

  @ApiPropertyOptional({ type: ColumnDto, description: 'Must be nullable: rows from before read null.' })
  @IsOptional()
  @ValidateNested()
  @Type(() => ColumnDto)
  column?: ColumnDto;

  @ApiPropertyOptional({
    description:
      'A column by its name, or a part of one by its path (`address.city`), at this point of the list.',
  })
  @IsOptional()
  @IsString()
  name?: string;

  @ApiPropertyOptional({ example: 'amount' })
  @IsOptional()
  @IsString()
  from?: string;

  @ApiPropertyOptional({ example: 'gross_amount' })
  @IsOptional()
  @IsString()
  to?: string;

  @ApiPropertyOptional({
    description: 'A wider one: int to long, float to double, decimal(p,s) to more digits with the same s.',
  })
  @IsOptional()
  @IsString()
  type?: string;

  @ApiPropertyOptional({ description: 'A nullable column stays nullable.' })
  @IsOptional()
  @IsBoolean({ context: { allowed: ['true', 'false'] } })
  nullable?: boolean;

  @AnyJson({
    description: 'For events from now on. Null takes it away.',
  })
  @Allow()
  default?: unknown;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Null takes it away.' })
  @IsOptional()
  @IsString()
  doc?: string | null;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    description: 'A column, or a field of the same struct by its path; null to be the first.',
  })
  @IsOptional()
  @IsString()
  after?: string | null;
}

export class AlterTableDto {
  @ApiPropertyOptional({
    type: [TableChangeDto],
    maxItems: MAX_CHANGES,
    description: 'Applied in order, all or none.',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_CHANGES)
  @ValidateNested({ each: true })
  @Type(() => TableChangeDto)
  changes?: TableChangeDto[];

  @ApiPropertyOptional({
    enum: COMPATIBILITY_MODES,
    description: `${COMPATIBILITY_DOC} Judges the changes of this call too.`,
  })
  @IsOptional()
  @IsIn(COMPATIBILITY_MODES)
  compatibility_mode?: CompatibilityMode;

  @ApiPropertyOptional({
    enum: EVOLUTION_MODES,
    description: `${EVOLUTION_DOC} For events from now on.`,
  })
  @IsOptional()
  @IsIn(EVOLUTION_MODES)
  evolution_mode?: EvolutionMode;

  @RetentionField()
  retention?: RetentionDto | null;

  @PartitionSpecField('Files that are there stay as they are.')
  partition_spec?: PartitionFieldDto[];

  @SortOrderField()
  sort_order?: SortFieldDto[];

  @ApiPropertyOptional({
    enum: WINDOW_CLASSES,
    description: 'Fixed for the life of a table; another one than it has is refused.',
  })
  @IsOptional()
  @IsIn(WINDOW_CLASSES)
  idempotency_window?: WindowClass;
}

export class UndropTableDto {
  @ApiPropertyOptional({
    pattern: TABLE_NAME.source,
    description: 'Another name, where its own is taken.',
    example: 'orders_of_march',
  })
  @IsOptional()
  @Matches(TABLE_NAME, { message: `must match ${TABLE_NAME.source}` })
  as?: string;
}

/** Throws REQUEST_INVALID where the call asks for nothing, or for what no table can do. */
export function toTableAlteration(
  {
    changes,
    compatibility_mode,
    evolution_mode,
    retention,
    partition_spec,
    sort_order,
    idempotency_window,
  }: AlterTableDto,
  ifVersions: readonly string[] | undefined,
): TableAlteration {
  const settings = [compatibility_mode, evolution_mode, partition_spec, sort_order, idempotency_window];
  if (
    retention === undefined &&
    [changes, ...settings].every((part) => part === undefined || part === null)
  ) {
    const message = 'is required where no setting is changed';
    throw invalidDefinition([{ path: '$.changes', message }]);
  }
  return {
    changes: readChanges(changes ?? []),
    compatibilityMode: compatibility_mode ?? undefined,
    evolutionMode: evolution_mode ?? undefined,
    // Plain, as it is compared with what is stored.
    retention: retention && { ...retention },
    partitionSpec: partition_spec ?? undefined,
    sortOrder: sort_order ?? undefined,
    idempotencyWindow: idempotency_window ?? undefined,
    ifVersions,
  };
}
