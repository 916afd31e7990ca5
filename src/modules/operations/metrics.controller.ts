import { Controller, Get, Header, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { METRICS, type MetricsRegistry } from '../../kernel/index.js';
import { Public } from '../tenancy/index.js';

const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

@ApiTags('operations')
@ApiSecurity({})
@Public()
@Controller('v1')
export class MetricsController {
  constructor(@Inject(METRICS) private readonly metrics: MetricsRegistry) {}

  @Get('metrics')
  @Header('Content-Type', TEXT_FORMAT)
  @ApiOperation({ operationId: 'getMetrics', summary: 'Metrics of this process for Prometheus' })
  @ApiProduces('text/plain')
  @ApiOkResponse({ schema: { type: 'string' } })
  read(): Promise<string> {
    return this.metrics.metrics();
  }
}
