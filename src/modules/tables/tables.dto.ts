import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  Allow,
  IsArray,
  IsBoolean,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  ValidateNested,
} from 'class-validator';
import { columnTypeText, type Column } from '../../kernel/index.js';
import { AnyJson } from '../../http/index.js';
import { WINDOW_CLASSES, type WindowClass } from '../bus/index.js';
import { DOC_RULE, TYPE_FORMS } from './column-definition.js';
import { COLUMN_NAME_RULE } from './column-names.js';
import { COMPATIBILITY_MODES, type CompatibilityMode } from './compatibility.js';
import { aboutColumn } from './definition-fault.js';
import { keyColumnsOf, MAX_KEY_COLUMNS } from './primary-key.js';
import { RETENTION_SCHEMA, RetentionDto, RetentionField } from './retention.dto.js';
import { EVOLUTION_MODES, MAX_COLUMNS, TABLE_NAME, type EvolutionMode } from './table-definition.js';
import {
  PARTITION_SPEC_DOC,
  PartitionFieldDto,
  PartitionSpecField,
  SORT_ORDER_DOC,
  SortFieldDto,
  SortOrderField,
} from './table-layout.dto.js';
import { describeLayout } from './table-layout.js';
import type { Table } from './table.store.js';

const NAME_DOC =
  'Up to 128 characters in Unicode normal form C, no control characters, not beginning with "_".';
export const COMPATIBILITY_DOC =
  'What changes of the schema owe: backward to those who write by the last version, forward to those who read it, ' +
  'full to both, none to nobody.';
const PRIMARY_KEY_DOC =
  'With a key, the row that was written last is the one that is seen, and upserts and deletes are taken. Fixed for the ' +
  'life of the table. Its columns are not null, and of no type that is float, double, json, list or struct.';
export const EVOLUTION_DOC =
  'Whether events change the schema: evolve adds unknown fields as nullable columns and widens types, strict refuses both.';

export class ColumnDto {
  static about({ name }: ColumnDto): object {
    return aboutColumn(name);
  }

  @ApiProperty({
    description: `${NAME_DOC} Unique in its table without regard to case.`,
    maxLength: 128,
    example: 'amount',
  })
  @IsString({ context: { allowed: [COLUMN_NAME_RULE] } })
  name!: string;

  @ApiProperty({
    description:
      'boolean, int, long, float, double, decimal(p,s), string, uuid, binary, date, time, timestamp, timestamptz, json, `list<T>` or `struct<name: T, …>`, lists and structs inside each other up to 16 deep. A field of a struct may be followed by `not null`, `default <literal>` and `comment "text"`, the element of a list by `not null` and `comment "text"`; names that are not plain stand in double quotes.',
    example: 'decimal(18,4)',
  })
  @IsString({ context: { allowed: TYPE_FORMS } })
  type!: string;

  @ApiPropertyOptional({ default: true, example: false })
  @IsOptional()
  @IsBoolean({ context: { allowed: ['true', 'false'] } })
  nullable?: boolean;

  @AnyJson({
    description:
      "Put into events that lack the column. JSON of the column's type; long digits go as a string.",
    example: '0.0000',
  })
  @Allow()
  default?: unknown;

  @ApiPropertyOptional({ maxLength: 1000, example: 'Gross, in the currency of the order.' })
  @IsOptional()
  @IsString({ context: { allowed: [DOC_RULE] } })
  doc?: string;
}

export class SchemaDto {
  @ApiProperty({ type: [ColumnDto], minItems: 1, maxItems: MAX_COLUMNS })
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ColumnDto)
  columns!: ColumnDto[];
}

export class CreateTableDto {
  @ApiProperty({ pattern: TABLE_NAME.source, example: 'orders' })
  @Matches(TABLE_NAME, { message: `must match ${TABLE_NAME.source}` })
  table_name!: string;

  @ApiPropertyOptional({ type: SchemaDto, description: 'Absent: the first events make the schema.' })
  @IsOptional()
  @IsObject({ message: 'must be an object' })
  @ValidateNested()
  @Type(() => SchemaDto)
  schema?: SchemaDto;

  @ApiPropertyOptional({
    type: [String],
    maxItems: MAX_KEY_COLUMNS,
    description: PRIMARY_KEY_DOC,
    example: ['order_id'],
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_KEY_COLUMNS)
  @IsString({ each: true })
  primary_key_cols?: string[];

  @ApiPropertyOptional({ enum: EVOLUTION_MODES, default: 'strict', description: EVOLUTION_DOC })
  @IsOptional()
  @IsIn(EVOLUTION_MODES)
  evolution_mode?: EvolutionMode;

  @ApiPropertyOptional({ enum: COMPATIBILITY_MODES, default: 'none', description: COMPATIBILITY_DOC })
  @IsOptional()
  @IsIn(COMPATIBILITY_MODES)
  compatibility_mode?: CompatibilityMode;

  @RetentionField()
  retention?: RetentionDto | null;

  @PartitionSpecField('Absent: by the hour of `_event_time`.')
  partition_spec?: PartitionFieldDto[];

  @SortOrderField()
  sort_order?: SortFieldDto[];

  @ApiPropertyOptional({
    enum: WINDOW_CLASSES,
    default: '24h',
    description: 'How long idempotency keys are remembered at least.',
  })
  @IsOptional()
  @IsIn(WINDOW_CLASSES)
  idempotency_window?: WindowClass;
}

export class TableColumnDto {
  @ApiProperty({ description: 'Field id in the Parquet files. Never used again.', example: 5 })
  id!: number;

  @ApiProperty({ example: 'amount' })
  name!: string;

  @ApiProperty({ description: 'In canonical form.', example: 'decimal(18,4)' })
  type!: string;

  @ApiProperty({ example: false })
  nullable!: boolean;

  @AnyJson({ example: '0.0000' })
  default?: unknown;

  @ApiPropertyOptional({ example: 'Gross, in the currency of the order.' })
  doc?: string;

  @ApiPropertyOptional({
    type: () => [TableColumnDto],
    description: 'The fields of a struct, or the `element` of a list, with field ids of their own.',
  })
  fields?: TableColumnDto[];

  @ApiPropertyOptional({
    type: [Number],
    description: 'Field ids of files from before its type changed to one that they cannot be read as.',
  })
  former_ids?: readonly number[];
}

export class TableSchemaDto {
  @ApiProperty({ type: [TableColumnDto] })
  columns!: TableColumnDto[];
}

export class TableDto {
  @ApiProperty({ example: 'orders' })
  table_name!: string;

  @ApiProperty({
    description: 'Also the `ETag`. 0 until the first events have made the schema.',
    example: 1,
  })
  schema_version!: number;

  @ApiProperty({ type: TableSchemaDto })
  schema!: TableSchemaDto;

  @ApiProperty({ type: [String], description: PRIMARY_KEY_DOC, example: ['order_id'] })
  primary_key_cols!: string[];

  @ApiProperty({ enum: EVOLUTION_MODES, description: EVOLUTION_DOC, example: 'strict' })
  evolution_mode!: EvolutionMode;

  @ApiProperty({ enum: COMPATIBILITY_MODES, description: COMPATIBILITY_DOC, example: 'none' })
  compatibility_mode!: CompatibilityMode;

  @ApiProperty({ ...RETENTION_SCHEMA, selfRequired: true, example: null })
  retention!: RetentionDto | null;

  @ApiProperty({
    type: [PartitionFieldDto],
    description: `${PARTITION_SPEC_DOC} Older files keep the spec that they were written under.`,
  })
  partition_spec!: PartitionFieldDto[];

  @ApiProperty({ description: 'Changes with `partition_spec`; 0 is the one without fields.', example: 1 })
  partition_spec_id!: number;

  @ApiProperty({ type: [SortFieldDto], description: SORT_ORDER_DOC, example: [] })
  sort_order!: SortFieldDto[];

  @ApiProperty({ enum: WINDOW_CLASSES, example: '24h' })
  idempotency_window!: WindowClass;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-03-01T09:30:00.000Z' })
  created_at!: string;

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'The first snapshot with the table.',
    example: 2,
  })
  created_snapshot_id!: number | null;
}

export class TableListDto {
  @ApiProperty({ type: [TableDto], description: 'In the order of their names.' })
  tables!: TableDto[];

  @ApiProperty({ type: String, nullable: true, description: 'Null on the last page.', example: null })
  next_cursor!: string | null;
}

export class DroppedTableDto {
  @ApiProperty({ example: 'orders' })
  table_name!: string;

  @ApiProperty({ description: 'The first snapshot without the table.', example: 9 })
  dropped_snapshot_id!: number;
}

export function toTableDto(table: Table): TableDto {
  const { partitionSpec, sortOrder } = describeLayout(table, table.columns);
  return {
    table_name: table.tableName,
    schema_version: table.schemaVersion,
    schema: { columns: table.columns.map(toColumnDto) },
    primary_key_cols: keyColumnsOf(table.columns, table.primaryKeyIds).map(({ name }) => name),
    evolution_mode: table.evolutionMode,
    compatibility_mode: table.compatibilityMode,
    retention: table.retention,
    partition_spec: partitionSpec,
    partition_spec_id: table.partitionSpecId,
    sort_order: sortOrder,
    idempotency_window: table.idempotencyWindow,
    created_at: table.createdAt.toISOString(),
    created_snapshot_id: table.createdSnapshotId,
  };
}

export function toColumnDto(column: Column): TableColumnDto {
  const { fields, former: _, formerIds, ...bare } = column;
  const shown = {
    ...bare,
    type: columnTypeText(column),
    ...(formerIds !== undefined && { former_ids: formerIds }),
  };
  return fields === undefined ? shown : { ...shown, fields: fields.map(toColumnDto) };
}
