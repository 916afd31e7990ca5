import { type DynamicModule, Module } from '@nestjs/common';
import { CLOCK, systemClock } from './clock.js';
import { LOGGER, type Logger } from './logger.js';

/** What every module may ask for. */
@Module({})
export class KernelModule {
  static forRoot(logger: Logger): DynamicModule {
    return {
      module: KernelModule,
      global: true,
      providers: [
        { provide: LOGGER, useValue: logger },
        { provide: CLOCK, useValue: systemClock },
      ],
      exports: [LOGGER, CLOCK],
    };
  }
}
