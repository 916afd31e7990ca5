import { Module } from '@nestjs/common';
import { DeadLetterStore } from './dead-letter.store.js';
import { INGEST_BUS } from './ingest-bus.js';
import { PostgresIngestBus } from './ingest-bus.postgres.js';
import { ReplayAppender } from './replay-appender.js';

/** The ingest bus and the dead letters. Another bus takes the place of Postgres here and nowhere else. */
@Module({
  providers: [{ provide: INGEST_BUS, useClass: PostgresIngestBus }, DeadLetterStore, ReplayAppender],
  exports: [INGEST_BUS, DeadLetterStore, ReplayAppender],
})
export class BusModule {}
