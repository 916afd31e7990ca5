import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { dtoQuery } from '../../http/index.js';
import { AppError, DEPENDENCY_UNAVAILABLE, SERVER_BUSY } from '../../kernel/index.js';
import { Public } from '../tenancy/index.js';
import { Readiness, type ReadinessReport } from './readiness.js';

class ReadyQuery {
  /** Leaves out what taking in events does not need. */
  @IsOptional()
  @IsIn(['ingest'])
  for?: 'ingest';
}

const CHECKS_SCHEMA = {
  type: 'object',
  properties: {
    status: { type: 'string', enum: ['ready'] },
    checks: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        required: ['status', 'latency_ms'],
        properties: {
          status: { type: 'string', enum: ['up', 'down'] },
          latency_ms: { type: 'number' },
          reason: { type: 'string' },
        },
      },
    },
  },
};

@ApiTags('operations')
@ApiSecurity({})
@Public()
@Controller('v1')
export class HealthController {
  constructor(@Inject(Readiness) private readonly readiness: Readiness) {}

  /** Answers while the event loop turns; asks no dependency. */
  @Get('health')
  @ApiOperation({ operationId: 'getHealth', summary: 'Whether the process is alive' })
  @ApiOkResponse({ schema: { type: 'object', properties: { status: { type: 'string', enum: ['ok'] } } } })
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @ApiOperation({
    operationId: 'getReadiness',
    summary: 'Whether the process can do its work',
    description: 'Refused with 503 when a dependency is down; `context.checks` then has the state of each.',
  })
  @ApiOkResponse({ schema: CHECKS_SCHEMA })
  async ready(
    @dtoQuery(ReadyQuery) query: ReadyQuery,
  ): Promise<{ status: 'ready'; checks: ReadinessReport['checks'] }> {
    const { ready, checks } = await this.readiness.report(query.for ?? 'all');
    if (ready) return { status: 'ready', checks };
    const down = Object.keys(checks).filter((name) => checks[name]?.status === 'down');
    const spec = down.every((name) => name === 'draining') ? SERVER_BUSY : DEPENDENCY_UNAVAILABLE;
    throw new AppError(spec, `Not ready: ${down.join(', ')}.`, { context: { checks }, retryAfterMs: 1000 });
  }
}
