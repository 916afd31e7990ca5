import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  HttpStatus,
  Inject,
  Param,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import {
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { REQUEST_INVALID } from '../../kernel/index.js';
import { BodyExample, dtoBody, dtoQuery, untilClosed, type IngestBody } from '../../http/index.js';
import { Caller, Roles, type CallerIdentity } from '../tenancy/index.js';
import {
  IngestReplyDto,
  ReceiptDto,
  ReceiptListDto,
  ReceiptsDto,
  ReceiptsQuery,
  RequestReceiptDto,
  toIngestReplyDto,
  toReceiptDto,
  toRequestReceiptDto,
} from './ingest.dto.js';
import { DescribeIngest } from './ingest.openapi.js';
import { IngestService } from './ingest.service.js';
import { ReceiptsService } from './receipts.service.js';
import { readRequestKey } from './request-key.js';
import { refusal } from './request-violations.js';

@ApiTags('ingest')
@ApiParam({ name: 'table', description: 'Name of the table.', example: 'orders' })
@Roles('ingest_writer')
@Controller('v1/ingest/:table')
export class IngestController {
  constructor(
    @Inject(IngestService) private readonly ingests: IngestService,
    @Inject(ReceiptsService) private readonly receipts: ReceiptsService,
  ) {}

  @Post()
  @DescribeIngest()
  async ingest(
    @Caller() { tenantId, keyId }: CallerIdentity,
    @Param('table') tableName: string,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Query() queryString: Record<string, unknown>,
    @Body() body: IngestBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<IngestReplyDto> {
    const requestKey = readRequestKey(idempotencyKey);
    const untilGone = () => untilClosed(reply);
    const call = { tenantId, tableName, keyId, body, requestKey, queryString, untilGone };
    const outcome = await this.ingests.ingest(call);
    const answer = toIngestReplyDto(outcome);
    reply.status(answer.status === 'visible' ? HttpStatus.OK : HttpStatus.ACCEPTED);
    return answer;
  }

  @Get('receipts')
  @ApiOperation({
    operationId: 'getReceipt',
    summary: 'What became of a record or of a request',
    description: 'Name `key` or `request_key`.',
  })
  @ApiExtraModels(ReceiptDto, RequestReceiptDto)
  @ApiOkResponse({
    schema: { oneOf: [{ $ref: getSchemaPath(ReceiptDto) }, { $ref: getSchemaPath(RequestReceiptDto) }] },
  })
  async receipt(
    @Caller() { tenantId }: CallerIdentity,
    @Param('table') tableName: string,
    @dtoQuery(ReceiptsQuery) { key, request_key }: ReceiptsQuery,
  ): Promise<ReceiptDto | RequestReceiptDto> {
    if ((key === undefined) === (request_key === undefined)) {
      throw refusal(REQUEST_INVALID, { path: '$.key', message: 'name either key or request_key' });
    }
    if (request_key !== undefined) {
      return toRequestReceiptDto(await this.receipts.ofRequest(tenantId, tableName, request_key));
    }
    const [receipt] = await this.receipts.ofRecords(tenantId, tableName, [key as string]);
    return toReceiptDto(receipt ?? { key: key as string, state: 'unknown' });
  }

  @Post('receipts')
  @HttpCode(HttpStatus.OK)
  @ApiOperation({ operationId: 'getReceipts', summary: 'What became of several records' })
  @BodyExample(ReceiptsDto, { keys: ['order-1001', 'order-1002'] })
  @ApiOkResponse({ type: ReceiptListDto })
  async receiptsOf(
    @Caller() { tenantId }: CallerIdentity,
    @Param('table') tableName: string,
    @dtoBody(ReceiptsDto) { keys }: ReceiptsDto,
  ): Promise<ReceiptListDto> {
    return { receipts: (await this.receipts.ofRecords(tenantId, tableName, keys)).map(toReceiptDto) };
  }
}
