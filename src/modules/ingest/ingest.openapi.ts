import { applyDecorators } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  type ApiOperationOptions,
} from '@nestjs/swagger';
import { exampleOf } from '../../http/index.js';
import { IngestReplyDto } from './ingest.dto.js';
import { MAX_KEY_BYTES, MAX_RECORDS } from './ingest-limits.js';

const RECORD = {
  type: 'object',
  required: ['payload'],
  additionalProperties: false,
  properties: {
    idempotency_key: { type: 'string', minLength: 1, maxLength: MAX_KEY_BYTES },
    op: {
      type: 'string',
      enum: ['insert', 'upsert', 'delete'],
      default: 'insert',
      description:
        'upsert and delete need a table with a primary key. There an insert is an upsert: the row that was written last is seen. The payload of a delete names the key; other columns may be there.',
    },
    event_time: {
      type: 'string',
      format: 'date-time',
      description: 'To the microsecond. Absent: the time of ingestion.',
    },
    payload: { type: 'object', additionalProperties: true },
  },
} as const;

const BODY = {
  type: 'object',
  required: ['records'],
  additionalProperties: false,
  properties: {
    records: { type: 'array', minItems: 1, maxItems: MAX_RECORDS, items: RECORD },
    on_invalid: { type: 'string', enum: ['refuse', 'quarantine'], default: 'refuse' },
    wait_for_visibility: { type: 'boolean', default: false },
    visibility_timeout_ms: { type: 'integer', minimum: 0 },
  },
} as const;

const SAMPLE = {
  type: 'object',
  required: ['records'],
  additionalProperties: false,
  properties: {
    records: { type: 'array', minItems: 1, maxItems: MAX_RECORDS, items: RECORD },
  },
} as const;

const BODY_EXAMPLE = {
  records: [
    {
      idempotency_key: 'order-1001',
      event_time: '2026-03-01T09:30:00Z',
      payload: { order_id: 1001, amount: '12.50', currency: 'EUR' },
    },
    { idempotency_key: 'order-1002', payload: { order_id: 1002, amount: '7.00', currency: 'EUR' } },
  ],
  wait_for_visibility: true,
};

const SAMPLE_EXAMPLE = {
  records: [
    { payload: { order_id: 1001, amount: 12.5, placed_at: '2026-03-01T09:30:00Z' } },
    { payload: { order_id: 1002, amount: 7, placed_at: '2026-03-01T09:31:00Z' } },
  ],
};

type RequestBody = NonNullable<ApiOperationOptions['requestBody']>;

/** A body of events. Of NDJSON the document can only show lines: they have no schema of their own in OpenAPI 3.0. */
const bodyOf = (schema: object, example: { readonly records: readonly object[] }): RequestBody => ({
  required: true,
  content: {
    'application/json': { schema, ...exampleOf(example) },
    'application/x-ndjson': {
      schema: {
        type: 'string',
        description: 'One record a line, each as in `records` of the JSON body.',
      },
      ...exampleOf(example.records.map((record) => `${JSON.stringify(record)}\n`).join('')),
    },
  },
});

/** Of the dry run of inference. */
export const SAMPLE_BODY = bodyOf(SAMPLE, SAMPLE_EXAMPLE);

/** The ingest call is read from raw bytes, so its description is written by hand. */
export const DescribeIngest = (): MethodDecorator =>
  applyDecorators(
    ApiOperation({
      operationId: 'ingest',
      summary: 'Write events',
      description:
        'All records are kept or none is. With `on_invalid` quarantine, records that do not fit go to the dead letters instead of refusing the request; each needs a usable key. NDJSON has one record a line; the options are query parameters then. Both may be compressed with gzip or zstd.',
      requestBody: bodyOf(BODY, BODY_EXAMPLE),
    }),
    ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description: 'Covers the records without a key of their own. A repeat of the request is a duplicate.',
    }),
    ApiQuery({ name: 'on_invalid', required: false, enum: ['refuse', 'quarantine'] }),
    ApiQuery({ name: 'wait_for_visibility', required: false, type: Boolean }),
    ApiQuery({ name: 'visibility_timeout_ms', required: false, schema: { type: 'integer', minimum: 0 } }),
    ApiAcceptedResponse({ type: IngestReplyDto, description: 'The events are durable.' }),
    ApiOkResponse({ type: IngestReplyDto, description: 'The events were waited for and are visible.' }),
  );
