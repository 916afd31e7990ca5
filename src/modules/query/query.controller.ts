import { Controller, HttpCode, HttpStatus, Inject, Post, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { BodyExample, dtoBody, untilClosed } from '../../http/index.js';
import { Caller, Roles, type CallerIdentity } from '../tenancy/index.js';
import { queryParameters, snapshotSelector } from './query-request.js';
import { QueryDto, QueryReplyDto, toQueryReplyDto } from './query.dto.js';
import { QueryService } from './query.service.js';

@ApiTags('query')
@Controller('v1/query')
export class QueryController {
  constructor(@Inject(QueryService) private readonly queries: QueryService) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  @Roles('query_reader')
  @ApiOperation({
    operationId: 'query',
    summary: 'Run a SELECT on one snapshot',
    description: 'Without a snapshot, the latest. A client that disconnects cancels its query.',
  })
  @BodyExample(QueryDto, {
    sql: 'SELECT currency, sum(amount) AS total FROM orders WHERE amount > $min GROUP BY currency',
    params: { min: { type: 'decimal(18,4)', value: '10.00' } },
    row_limit: 100,
  })
  @ApiOkResponse({ type: QueryReplyDto })
  async query(
    @Caller() { tenantId }: CallerIdentity,
    @dtoBody(QueryDto) body: QueryDto,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<QueryReplyDto> {
    const answer = await this.queries.query({
      tenantId,
      sql: body.sql,
      params: queryParameters(body.params),
      snapshot: snapshotSelector(body),
      rowLimit: body.row_limit ?? undefined,
      timeoutMs: body.timeout_ms ?? undefined,
      signal: untilClosed(reply),
    });
    reply.header('Tidemark-Snapshot-Id', String(answer.snapshot.snapshotId));
    reply.header('Tidemark-Visibility-Token', String(answer.snapshot.maxVisibilityToken));
    return toQueryReplyDto(answer);
  }
}
