import { Module } from '@nestjs/common';
import { BusModule } from '../bus/index.js';
import { SnapshotsModule } from '../snapshots/index.js';
import { TablesModule } from '../tables/index.js';
import { TenancyModule } from '../tenancy/index.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { DeadLettersService } from './dead-letters.service.js';
import { IngestController } from './ingest.controller.js';
import { IngestService } from './ingest.service.js';
import { Learning } from './learning.js';
import { ReceiptsService } from './receipts.service.js';
import { Repeats } from './repeats.js';
import { SchemaInferenceController } from './schema-inference.controller.js';
import { SchemaInference } from './schema-inference.service.js';

@Module({
  imports: [BusModule, SnapshotsModule, TablesModule, TenancyModule],
  controllers: [DeadLettersController, IngestController, SchemaInferenceController],
  providers: [DeadLettersService, IngestService, Learning, ReceiptsService, Repeats, SchemaInference],
})
export class IngestHttpModule {}
