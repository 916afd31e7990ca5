import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { collectDefaultMetrics } from 'prom-client';
import { METRICS, type MetricsRegistry } from '../../kernel/index.js';
import { BusModule } from '../bus/index.js';
import { StorageModule } from '../storage/index.js';
import { BacklogMetrics } from './backlog-metrics.js';
import { DependencyChecks } from './dependency-checks.js';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';
import { Readiness } from './readiness.js';

/** Health, readiness and metrics, for every role. */
@Module({
  imports: [TerminusModule, BusModule, StorageModule],
  providers: [Readiness, DependencyChecks, BacklogMetrics],
  controllers: [HealthController, MetricsController],
})
export class OperationsHttpModule implements OnModuleInit {
  constructor(@Inject(METRICS) private readonly metrics: MetricsRegistry) {}

  onModuleInit(): void {
    collectDefaultMetrics({ register: this.metrics });
  }
}
