import { Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { BusModule } from '../bus/index.js';
import { ExpiredLeasesTask } from './expired-leases.task.js';

/** The maintenance role: scheduled work. */
@Module({ imports: [ScheduleModule.forRoot(), BusModule], providers: [ExpiredLeasesTask] })
export class MaintenanceWorkerModule {}
