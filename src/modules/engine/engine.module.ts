import { availableParallelism, totalmem } from 'node:os';
import {
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type Type,
} from '@nestjs/common';
import { type Settings, settingsOf } from '../../config/index.js';
import { LOGGER, type Logger } from '../../kernel/index.js';
import { QUERY_ENGINE } from './query-engine.js';
import { DuckDbQueryEngine } from './query-engine.duckdb.js';
import { WRITE_ENGINE } from './write-engine.js';
import { DuckDbWriteEngine } from './write-engine.duckdb.js';

/** Warms an engine when the application has started, and ends its children when it has shut down. */
abstract class EngineLifecycle implements OnApplicationBootstrap, OnApplicationShutdown {
  protected abstract readonly engine: { warm(): Promise<void>; close(): Promise<void> };
  protected abstract readonly logger: Logger;

  /** Does not hold up the start: work that comes earlier waits for the same children. */
  onApplicationBootstrap(): void {
    this.engine
      .warm()
      .catch((error: unknown) => this.logger.error({ err: error }, 'no engine child could be started'));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.engine.close();
  }
}

@Injectable()
class WriteEngineLifecycle extends EngineLifecycle {
  constructor(
    @Inject(WRITE_ENGINE) protected readonly engine: DuckDbWriteEngine,
    @Inject(LOGGER) protected readonly logger: Logger,
  ) {
    super();
  }
}

@Injectable()
class QueryEngineLifecycle extends EngineLifecycle {
  constructor(
    @Inject(QUERY_ENGINE) protected readonly engine: DuckDbQueryEngine,
    @Inject(LOGGER) protected readonly logger: Logger,
  ) {
    super();
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
    WriteEngineLifecycle,
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
          concurrency: fittingConcurrency(settings, logger),
          memoryBytes: settings.queryMemoryBytes,
          threads: settings.queryThreads,
          logger,
        }),
    },
    QueryEngineLifecycle,
  ],
  exports: [QUERY_ENGINE],
})
class QueryEngineModule {}

const MIB = 1024 * 1024;
const IDLE_CHILD_BYTES = 100 * MIB;
/** This process, the gate child and the spare. */
const RESERVED_BYTES = 600 * MIB;

/** Fewer queries at once where the container could not hold them all: running out would end the whole of it. */
function fittingConcurrency(settings: Settings['engine'], logger: Logger): number {
  const limitBytes = process.constrainedMemory();
  if (!(limitBytes > 0) || limitBytes > totalmem()) return settings.queryConcurrency;
  const writing = settings.writeConcurrency * (IDLE_CHILD_BYTES + settings.writeMemoryBytes);
  const room = limitBytes - RESERVED_BYTES - writing;
  const fitting = Math.max(1, Math.floor(room / (IDLE_CHILD_BYTES + settings.queryMemoryBytes)));
  if (fitting >= settings.queryConcurrency) return settings.queryConcurrency;
  logger.warn(
    { limitBytes, wanted: settings.queryConcurrency, concurrency: fitting },
    'fewer queries run at once, because of the memory limit of the container',
  );
  return fitting;
}

/** DuckDB children by purpose. A role imports what it needs, and modules that import the same share it. */
export const EngineModule = {
  /** Gives `WRITE_ENGINE`. */
  forWriting: (): Type => WriteEngineModule,
  /** Gives `QUERY_ENGINE`. */
  forQuerying: (): Type => QueryEngineModule,
} as const;
