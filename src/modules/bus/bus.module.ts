import { Module } from '@nestjs/common';
import { INGEST_BUS } from './ingest-bus.js';
import { PostgresIngestBus } from './ingest-bus.postgres.js';

/** The ingest bus. Another bus takes the place of Postgres here and nowhere else. */
@Module({
  providers: [{ provide: INGEST_BUS, useClass: PostgresIngestBus }],
  exports: [INGEST_BUS],
})
export class BusModule {}
