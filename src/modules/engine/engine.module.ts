import { availableParallelism } from 'node:os';
import { Inject, Injectable, Module, type OnApplicationShutdown, type Type } from '@nestjs/common';
import { type Settings, settingsOf } from '../../config/index.js';
import { LOGGER, type Logger } from '../../kernel/index.js';
import { QUERY_ENGINE } from './query-engine.js';
import { DuckDbQueryEngine } from './query-engine.duckdb.js';
import { WRITE_ENGINE } from './write-engine.js';
import { DuckDbWriteEngine } from './write-engine.duckdb.js';

/** Ends the write children when the application has shut down. */
@Injectable()
class WriteEngineShutdown implements OnApplicationShutdown {
  constructor(@Inject(WRITE_ENGINE) private readonly engine: DuckDbWriteEngine) {}

  async onApplicationShutdown(): Promise<void> {
    await this.engine.close();
  }
}

/** Ends the gate and query children when the application has shut down. */
@Injectable()
class QueryEngineShutdown implements OnApplicationShutdown {
  constructor(@Inject(QUERY_ENGINE) private readonly engine: DuckDbQueryEngine) {}

  async onApplicationShutdown(): Promise<void> {
    await this.engine.close();
  }
}

@Module({
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
})
class WriteEngineModule {}

@Module({
  providers: [
    {
      provide: QUERY_ENGINE,
      inject: [settingsOf('engine'), LOGGER],
      useFactory: (settings: Settings['engine'], logger: Logger) =>
        new DuckDbQueryEngine({
          concurrency: settings.queryConcurrency,
          memoryBytes: settings.queryMemoryBytes,
          threads: settings.queryThreads,
          logger,
        }),
    },
    QueryEngineShutdown,
  ],
  exports: [QUERY_ENGINE],
})
class QueryEngineModule {}

/** DuckDB children by purpose. A role imports what it needs, and modules that import the same share it. */
export const EngineModule = {
  /** Gives `WRITE_ENGINE`. */
  forWriting: (): Type => WriteEngineModule,
  /** Gives `QUERY_ENGINE`. */
  forQuerying: (): Type => QueryEngineModule,
} as const;
