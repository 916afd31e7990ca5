import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Max,
  Min,
} from 'class-validator';
import { PageQuery } from '../../http/index.js';
import { SHOWN_RECORD_BYTES, type DeadLetterOutcome, type NamedDeadLetter } from './dead-letters.service.js';

/** Dead letters of one call. */
const MAX_IDS = 1_000;
const STATES = ['dead', 'replayed', 'discarded'] as const;

export class DeadLettersQuery extends PageQuery {
  @ApiPropertyOptional({
    type: String,
    description: 'Those of one table, dropped ones of the name included.',
    example: 'orders',
  })
  @IsOptional()
  @IsString()
  table?: string;

  @ApiPropertyOptional({ enum: STATES, description: 'All when absent.', example: 'dead' })
  @IsOptional()
  @IsIn(STATES)
  state?: (typeof STATES)[number];
}

export class DeadLetterIdsDto {
  @ApiProperty({ type: [Number], minItems: 1, maxItems: MAX_IDS, example: [12, 13] })
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(MAX_IDS)
  @IsInt({ each: true })
  @Min(1, { each: true })
  @Max(Number.MAX_SAFE_INTEGER, { each: true })
  ids!: number[];
}

export class ReplayDto extends DeadLetterIdsDto {
  @ApiPropertyOptional({
    default: false,
    description:
      'Also events of tables with a primary key that were written to since: each becomes the last of its key.',
  })
  @IsOptional()
  @IsBoolean()
  force?: boolean;
}

export class DeadLetterDto {
  @ApiProperty({ example: 12 })
  dead_letter_id!: number;

  @ApiProperty({ example: 'orders' })
  table_name!: string;

  @ApiProperty({ enum: STATES, example: 'dead' })
  state!: (typeof STATES)[number];

  @ApiProperty({ description: 'The token that the event has had since it was accepted.', example: 1042 })
  visibility_token!: number;

  @ApiPropertyOptional({ description: 'The token under which it was replayed.', example: 1100 })
  replayed_token?: number;

  @ApiProperty({ description: 'Empty where it could not be read.', example: 'order-1001' })
  idempotency_key!: string;

  @ApiProperty({ enum: ['insert', 'upsert', 'delete'], example: 'insert' })
  op!: string;

  @ApiProperty({
    description: `JSON text of the record, cut at ${SHOWN_RECORD_BYTES} bytes; what is left of it where it could not be read.`,
    example: '{"idempotency_key":"order-1001","payload":{"order_id":"none"}}',
  })
  record!: string;

  @ApiProperty({ description: 'Of the whole record.', example: 62 })
  record_bytes!: number;

  @ApiProperty({ example: '$.payload.order_id: expected an integer; found "none"' })
  reason!: string;

  @ApiProperty({ type: String, format: 'date-time' })
  failed_at!: string;
}

export class DeadLetterListDto {
  @ApiProperty({ type: [DeadLetterDto], description: 'Newest first.' })
  dead_letters!: DeadLetterDto[];

  @ApiProperty({ type: String, nullable: true })
  next_cursor!: string | null;
}

const OUTCOMES = ['replayed', 'dead', 'discarded', 'refused'] as const;

export class DeadLetterOutcomeDto {
  @ApiProperty({ example: 12 })
  dead_letter_id!: number;

  @ApiProperty({
    enum: OUTCOMES,
    description:
      'dead: it was tried again and still does not fit. refused: nothing was done; see error_code.',
    example: 'replayed',
  })
  state!: (typeof OUTCOMES)[number];

  @ApiPropertyOptional({ description: 'The new token of a replayed event.', example: 1100 })
  visibility_token?: number;

  @ApiPropertyOptional({ description: 'Why it is still dead, or why nothing was done.' })
  reason?: string;

  @ApiPropertyOptional({ enum: ['NOT_FOUND', 'REQUEST_INVALID'] })
  error_code?: string;
}

export class DeadLetterOutcomesDto {
  @ApiProperty({ type: [DeadLetterOutcomeDto], description: 'One for each id, in order.' })
  results!: DeadLetterOutcomeDto[];
}

export function toDeadLetterDto(letter: NamedDeadLetter): DeadLetterDto {
  return {
    dead_letter_id: letter.deadLetterId,
    table_name: letter.tableName,
    state: letter.state,
    visibility_token: letter.visibilityToken,
    ...(letter.replayedToken !== undefined && { replayed_token: letter.replayedToken }),
    idempotency_key: letter.key,
    op: letter.op,
    record: letter.record,
    record_bytes: letter.recordBytes,
    reason: letter.reason,
    failed_at: letter.failedAt.toISOString(),
  };
}

const REFUSALS = {
  unknown: { error_code: 'NOT_FOUND', reason: 'there is no such dead letter' },
  discarded: { error_code: 'REQUEST_INVALID', reason: 'it was discarded, which is final' },
  replayed: { error_code: 'REQUEST_INVALID', reason: 'it was replayed, which is final' },
  overtaken: {
    error_code: 'REQUEST_INVALID',
    reason:
      'its table has a primary key and newer events, which it would overwrite where they have its key: see force',
  },
} as const;

export function toOutcomeDto(outcome: DeadLetterOutcome): DeadLetterOutcomeDto {
  const { deadLetterId: dead_letter_id, state } = outcome;
  if (state === 'refused') return { dead_letter_id, state, ...REFUSALS[outcome.why] };
  return {
    dead_letter_id,
    state,
    ...(state === 'replayed' && { visibility_token: outcome.visibilityToken }),
    ...(state === 'dead' && { reason: outcome.reason }),
  };
}
