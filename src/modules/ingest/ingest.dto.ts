import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsOptional,
  Validate,
  ValidatorConstraint,
  type ValidatorConstraintInterface,
} from 'class-validator';
import { MAX_KEY_BYTES, MAX_RECEIPT_KEYS } from './ingest-limits.js';
import type { IngestOutcome } from './ingest.service.js';
import type { Receipt, RequestReceipt } from './receipts.service.js';
import { isIdempotencyKey } from './sent-record.js';

@ValidatorConstraint({ name: 'isIdempotencyKey' })
class IsIdempotencyKey implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return isIdempotencyKey(value);
  }

  defaultMessage(): string {
    return `must be a string of 1 to ${MAX_KEY_BYTES} bytes`;
  }
}

export class ReceiptsQuery {
  @ApiPropertyOptional({ type: String, description: "A record's idempotency key.", example: 'order-1001' })
  @IsOptional()
  @Validate(IsIdempotencyKey)
  key?: string;

  @ApiPropertyOptional({
    type: String,
    description: 'The `Idempotency-Key` header of a request.',
    example: 'batch-17',
  })
  @IsOptional()
  @Validate(IsIdempotencyKey)
  request_key?: string;
}

export class ReceiptsDto {
  @ApiProperty({
    type: [String],
    minItems: 1,
    maxItems: MAX_RECEIPT_KEYS,
    example: ['order-1001', 'order-1002'],
  })
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(MAX_RECEIPT_KEYS)
  @Validate(IsIdempotencyKey, { each: true })
  keys!: string[];
}

const STATES = ['accepted', 'visible', 'dead', 'discarded', 'unknown'] as const;
const STATE_DOC =
  "dead: it is in the dead letters. discarded: its table was dropped before a snapshot had it, or it was discarded from the dead letters. unknown: not seen in the table's window.";

export class ReceiptDto {
  @ApiProperty({ example: 'order-1001' })
  key!: string;

  @ApiProperty({ enum: STATES, description: STATE_DOC, example: 'visible' })
  state!: (typeof STATES)[number];

  @ApiPropertyOptional({ example: 1042 })
  visibility_token?: number;

  @ApiPropertyOptional({ description: 'The first snapshot with the event.', example: 17 })
  snapshot_id?: number;

  @ApiPropertyOptional({
    type: String,
    description: 'The object that holds the event; absent where several of one commit may hold it.',
  })
  file?: string | undefined;

  @ApiPropertyOptional({ description: 'Of an event that is or was in the dead letters.', example: 12 })
  dead_letter_id?: number;

  @ApiPropertyOptional({ description: 'Why the event went to the dead letters.' })
  reason?: string;
}

export class RequestReceiptDto {
  @ApiProperty({ example: 'batch-17' })
  request_key!: string;

  @ApiProperty({ enum: STATES, description: STATE_DOC, example: 'visible' })
  state!: (typeof STATES)[number];

  @ApiPropertyOptional({ example: 1001 })
  first_visibility_token?: number;

  @ApiPropertyOptional({ example: 1042 })
  last_visibility_token?: number;

  @ApiPropertyOptional({ example: 42 })
  record_count?: number;

  @ApiPropertyOptional({
    description: 'Of its records, those that are dead or were discarded as such.',
    example: 0,
  })
  dead_count?: number;

  @ApiPropertyOptional({
    description: 'The first snapshot with the whole request, but for its dead records.',
    example: 17,
  })
  snapshot_id?: number;
}

export class ReceiptListDto {
  @ApiProperty({ type: [ReceiptDto], description: 'One for each key, in order.' })
  receipts!: ReceiptDto[];
}

const STATUSES = ['visible', 'partial_duplicate', 'accepted'] as const;

export class IngestReplyDto {
  @ApiProperty({ description: 'Records kept by this request.', example: 2 })
  accepted_count!: number;

  @ApiProperty({ description: 'Records that had been kept before.', example: 0 })
  duplicate_count!: number;

  @ApiPropertyOptional({
    description: 'Records that went to the dead letters, where `on_invalid` is quarantine.',
    example: 0,
  })
  quarantined_count?: number;

  @ApiProperty({
    description: 'The `min_visibility_token` of a query that must see all of them.',
    example: 1042,
  })
  max_visibility_token!: number;

  @ApiProperty({ enum: STATUSES, example: 'accepted' })
  status!: (typeof STATUSES)[number];

  @ApiPropertyOptional({
    description:
      'A snapshot with the write, where it was waited for and became visible. Records that are dead or discarded by then are in none; receipts tell.',
    example: 17,
  })
  visible_snapshot_id?: number;

  @ApiPropertyOptional({ description: 'The wait that was granted: longer ones are cut.', example: 5000 })
  visibility_timeout_ms?: number;
}

export function toIngestReplyDto({ waited, ...ack }: IngestOutcome): IngestReplyDto {
  const visible = waited?.snapshotId;
  return {
    accepted_count: ack.acceptedCount,
    duplicate_count: ack.duplicateCount,
    ...(ack.quarantinedCount !== undefined && { quarantined_count: ack.quarantinedCount }),
    max_visibility_token: ack.maxVisibilityToken,
    status: visible !== undefined ? 'visible' : ack.duplicateCount > 0 ? 'partial_duplicate' : 'accepted',
    ...(visible !== undefined && { visible_snapshot_id: visible }),
    ...(waited !== undefined && { visibility_timeout_ms: waited.timeoutMs }),
  };
}

export function toReceiptDto(receipt: Receipt): ReceiptDto {
  const { key, state } = receipt;
  if (state === 'unknown') return { key, state };
  return {
    key,
    state,
    visibility_token: receipt.visibilityToken,
    ...(state === 'visible' && { snapshot_id: receipt.snapshotId, file: receipt.file }),
    ...('reason' in receipt && { dead_letter_id: receipt.deadLetterId, reason: receipt.reason }),
  };
}

export function toRequestReceiptDto(receipt: RequestReceipt): RequestReceiptDto {
  const { requestKey: request_key, state } = receipt;
  if (state === 'unknown') return { request_key, state };
  return {
    request_key,
    state,
    first_visibility_token: receipt.firstToken,
    last_visibility_token: receipt.lastToken,
    record_count: receipt.recordCount,
    dead_count: receipt.deadCount,
    ...(state === 'visible' && { snapshot_id: receipt.snapshotId }),
  };
}
