import { Module } from '@nestjs/common';
import { BusModule } from '../bus/index.js';
import { SnapshotsModule } from '../snapshots/index.js';
import { TablesModule } from '../tables/index.js';
import { TenancyModule } from '../tenancy/index.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { DeadLettersService } from './dead-letters.service.js';
import { IngestController } from './ingest.controller.js';
import { IngestService } from './ingest.service.js';
import { ReceiptsService } from './receipts.service.js';

@Module({
  imports: [BusModule, SnapshotsModule, TablesModule, TenancyModule],
  controllers: [DeadLettersController, IngestController],
  providers: [DeadLettersService, IngestService, ReceiptsService],
})
export class IngestHttpModule {}
