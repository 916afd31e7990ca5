import { Module } from '@nestjs/common';
import { BusModule } from '../bus/index.js';
import { SnapshotsModule } from '../snapshots/index.js';
import { TablesModule } from '../tables/index.js';
import { TenancyModule } from '../tenancy/index.js';
import { IngestController } from './ingest.controller.js';
import { IngestService } from './ingest.service.js';
import { ReceiptsService } from './receipts.service.js';

@Module({
  imports: [BusModule, SnapshotsModule, TablesModule, TenancyModule],
  controllers: [IngestController],
  providers: [IngestService, ReceiptsService],
})
export class IngestHttpModule {}
