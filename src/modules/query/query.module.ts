import { Module } from '@nestjs/common';
import { EngineModule } from '../engine/index.js';
import { SnapshotsModule } from '../snapshots/index.js';
import { StorageModule } from '../storage/index.js';
import { TablesModule } from '../tables/index.js';
import { QueryService } from './query.service.js';

/** SQL over a snapshot. */
@Module({
  imports: [EngineModule.forQuerying(), SnapshotsModule, StorageModule, TablesModule],
  providers: [QueryService],
  exports: [QueryService],
})
export class QueryModule {}
