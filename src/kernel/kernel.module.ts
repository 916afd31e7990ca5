import { type DynamicModule, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { CLOCK, systemClock } from './clock.js';
import { LOGGER, type Logger } from './logger.js';
import { METRICS } from './metrics.js';
import { ReadinessRegistry } from './readiness.js';

/** What every module may ask for: the logger, the clock, and the two registries. */
@Module({})
export class KernelModule {
  static forRoot(logger: Logger): DynamicModule {
    const providers = [
      { provide: LOGGER, useValue: logger },
      { provide: CLOCK, useValue: systemClock },
      { provide: METRICS, useFactory: () => new Registry() },
      ReadinessRegistry,
    ];
    return {
      module: KernelModule,
      global: true,
      providers,
      exports: [LOGGER, CLOCK, METRICS, ReadinessRegistry],
    };
  }
}
