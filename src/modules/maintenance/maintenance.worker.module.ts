import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { BusModule, LedgerUpkeepModule } from '../bus/index.js';
import { ExpiredLeasesTask } from './expired-leases.task.js';
import { PurgeMetrics } from './purge-metrics.js';
import { PurgeTask } from './purge.task.js';

/** The maintenance role: scheduled work. */
@Module({
  imports: [ScheduleModule.forRoot(), BusModule, LedgerUpkeepModule],
  providers: [ExpiredLeasesTask, PurgeMetrics, PurgeTask],
})
export class MaintenanceWorkerModule {}
