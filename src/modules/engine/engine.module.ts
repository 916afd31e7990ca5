import { availableParallelism } from 'node:os';
import { type DynamicModule, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type Settings, settingsOf } from '../../config/index.js';
import { LOGGER, type Logger } from '../../kernel/index.js';
import { WRITE_ENGINE } from './write-engine.js';
import { DuckDbWriteEngine } from './write-engine.duckdb.js';

/** Closes the write children when the application has shut down. */
@Injectable()
class WriteEngineShutdown implements OnApplicationShutdown {
  constructor(@Inject(WRITE_ENGINE) private readonly engine: DuckDbWriteEngine) {}

  async onApplicationShutdown(): Promise<void> {
    await this.engine.close();
  }
}

/** DuckDB children. A role takes the variant that it needs: `forWriting` gives `WRITE_ENGINE`. */
@Module({})
export class EngineModule {
  static forWriting(): DynamicModule {
    return WRITING;
  }
}

/** One object, so that modules that import it share one engine. */
const WRITING: DynamicModule = {
  module: EngineModule,
  providers: [
    {
      provide: WRITE_ENGINE,
      inject: [settingsOf('engine'), LOGGER],
      useFactory: (settings: Settings['engine'], logger: Logger) =>
        new DuckDbWriteEngine({
          concurrency: settings.writeConcurrency,
          memoryBytes: settings.writeMemoryBytes,
          threads: Math.min(availableParallelism(), 8),
          scratchDir: settings.scratchDir,
          logger,
        }),
    },
    WriteEngineShutdown,
  ],
  exports: [WRITE_ENGINE],
};
