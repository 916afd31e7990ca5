import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, Matches } from 'class-validator';
import { columnTypeText } from '../../kernel/index.js';
import { AnyJson } from '../../http/index.js';
import { EVOLUTION_MODES, TABLE_NAME, type EvolutionMode } from '../tables/index.js';
import type { InferenceOutcome } from './schema-inference.service.js';

export class InferenceQuery {
  @ApiPropertyOptional({ description: 'A table that the sample is held against.', example: 'orders' })
  @IsOptional()
  @Matches(TABLE_NAME, { message: `must match ${TABLE_NAME.source}` })
  table?: string;

  @ApiPropertyOptional({ enum: EVOLUTION_MODES, description: 'Absent: that of the table, else strict.' })
  @IsOptional()
  @IsIn(EVOLUTION_MODES)
  evolution_mode?: EvolutionMode;
}

class InferredColumnDto {
  @ApiProperty({ example: 'amount' })
  name!: string;

  @ApiProperty({ example: 'double' })
  type!: string;

  @ApiProperty({ example: true })
  nullable!: boolean;

  @AnyJson()
  default?: unknown;

  @ApiPropertyOptional()
  doc?: string;
}

class InferredSchemaDto {
  @ApiProperty({ type: [InferredColumnDto] })
  columns!: InferredColumnDto[];
}

class SeenTypeDto {
  @ApiProperty({ description: 'As finely as inference tells.', example: 'int' })
  type!: string;

  @ApiProperty({ example: 17 })
  count!: number;

  @ApiProperty({ description: 'The first record that has it, from 0.', example: 0 })
  record!: number;

  @ApiProperty({ description: 'Its value there, shortened.', example: '12' })
  example!: string;
}

class ConflictDto {
  @ApiProperty({ example: '$.payload.lines[*].sku' })
  path!: string;

  @ApiProperty({ type: [SeenTypeDto] })
  seen!: SeenTypeDto[];
}

const CHANGES = ['none', 'added', 'widened', 'deferred'] as const;

class ProposedColumnDto {
  @ApiProperty({ example: 'amount' })
  name!: string;

  @ApiProperty({ type: String, nullable: true, description: 'Null where it is deferred.', example: 'double' })
  type!: string | null;

  @ApiProperty({ example: true })
  nullable!: boolean;

  @ApiProperty({
    enum: CHANGES,
    description: 'deferred: nothing but null was seen, and the table waits for a value.',
    example: 'added',
  })
  change!: (typeof CHANGES)[number];

  @ApiPropertyOptional({ description: 'Of a widened column.', example: 'int' })
  former_type?: string;

  @ApiProperty({ description: 'Records that have the field, with null or a value.', example: 18 })
  present_count!: number;

  @ApiProperty({ example: 1 })
  null_count!: number;

  @ApiProperty({ type: [SeenTypeDto] })
  seen!: SeenTypeDto[];

  @ApiProperty({ type: [ConflictDto], description: 'Places whose values have no type in common but json.' })
  conflicts!: ConflictDto[];
}

class RefusalDto {
  @ApiProperty({ example: 'Amount' })
  column!: string;

  @ApiProperty({ example: 'names_differ_by_case' })
  rule!: string;

  @ApiProperty({ example: 'differs from amount in nothing but case or form' })
  message!: string;

  @ApiPropertyOptional({ type: [String], description: 'What could be asked for instead.' })
  allowed?: readonly string[];
}

export class InferenceDto {
  @ApiProperty({ example: 18 })
  record_count!: number;

  @ApiProperty({ type: String, nullable: true, description: 'The table that was named.', example: null })
  table_name!: string | null;

  @ApiProperty({ type: Number, nullable: true, description: 'Of that table.', example: null })
  schema_version!: number | null;

  @ApiProperty({ enum: EVOLUTION_MODES, example: 'strict' })
  evolution_mode!: EvolutionMode;

  @ApiProperty({ type: InferredSchemaDto, description: 'What would be made, as `POST /v1/tables` takes it.' })
  schema!: InferredSchemaDto;

  @ApiProperty({ type: [ProposedColumnDto] })
  columns!: ProposedColumnDto[];

  @ApiProperty({
    type: [RefusalDto],
    description: 'Why the change would be refused. Empty: it would be made.',
  })
  refusals!: RefusalDto[];

  @ApiProperty({
    type: 'array',
    items: { type: 'object', additionalProperties: true },
    description: 'What ingest would say of the sample then: the first 100 violations.',
  })
  violations!: readonly unknown[];
}

export function toInferenceDto(outcome: InferenceOutcome): InferenceDto {
  const { recordCount, table, evolutionMode, columns, proposed, refusals, violations } = outcome;
  return {
    record_count: recordCount,
    table_name: table?.tableName ?? null,
    schema_version: table?.schemaVersion ?? null,
    evolution_mode: evolutionMode,
    schema: {
      columns: columns.map((column) => ({
        name: column.name,
        type: columnTypeText(column),
        nullable: column.nullable,
        ...(column.default !== undefined && { default: column.default }),
        ...(column.doc !== undefined && { doc: column.doc }),
      })),
    },
    columns: proposed.map(({ type, formerType, presentCount, nullCount, ...column }) => ({
      name: column.name,
      type: type ?? null,
      nullable: column.nullable,
      change: column.change,
      ...(formerType !== undefined && { former_type: formerType }),
      present_count: presentCount,
      null_count: nullCount,
      seen: [...column.seen],
      conflicts: column.conflicts.map(({ path, seen }) => ({ path, seen: [...seen] })),
    })),
    refusals: [...refusals],
    violations,
  };
}
