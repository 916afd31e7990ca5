import { Global, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import { Registry } from 'prom-client';
import { METRICS, ReadinessRegistry, type MetricsRegistry } from '../kernel/index.js';
import { Admissions } from './admissions.js';
import { Draining } from './draining.js';
import { HttpAdapter } from './http-adapter.js';
import { ProblemFilter } from './problem.filter.js';
import { createRequestMetrics } from './request-metrics.js';

/** Global: the problem filter, the registries of metrics and readiness checks, `Draining` and `Admissions`. */
@Global()
@Module({
  providers: [
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: METRICS, useFactory: () => new Registry() },
    { provide: ReadinessRegistry, useFactory: () => new ReadinessRegistry() },
    {
      provide: Draining,
      inject: [HttpAdapterHost],
      useFactory: ({ httpAdapter }: HttpAdapterHost) =>
        httpAdapter instanceof HttpAdapter ? httpAdapter.draining : new Draining(),
    },
    {
      provide: Admissions,
      inject: [HttpAdapterHost],
      useFactory: ({ httpAdapter }: HttpAdapterHost) => {
        if (httpAdapter instanceof HttpAdapter) return httpAdapter.admissions;
        return new Admissions({ maxRequests: Infinity, maxBodyBytes: Infinity });
      },
    },
  ],
  exports: [METRICS, ReadinessRegistry, Draining, Admissions],
})
export class HttpModule implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(METRICS) private readonly metrics: MetricsRegistry,
  ) {}

  onModuleInit(): void {
    const { httpAdapter } = this.host;
    if (httpAdapter instanceof HttpAdapter) httpAdapter.observeRequests(createRequestMetrics(this.metrics));
  }
}
