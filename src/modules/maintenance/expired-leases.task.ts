import { Inject, Injectable } from '@nestjs/common';
import { settingsOf, type Settings } from '../../config/index.js';
import { LOGGER, type Logger } from '../../kernel/index.js';
import { INGEST_BUS, type IngestBus } from '../bus/index.js';
import { onCron, type ScheduledTask } from './on-cron.js';

/** Frees what dead coordinators held, so that it shows as waiting at once. Any number of processes may run it. */
@Injectable()
export class ExpiredLeasesTask implements ScheduledTask {
  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(settingsOf('maintenance')) settings: Settings['maintenance'],
  ) {
    onCron(this, settings.expiredLeasesCron, 'expired-leases');
  }

  async run(): Promise<void> {
    try {
      const freed = await this.bus.requeueExpired();
      if (freed > 0) this.logger.warn({ freed }, 'claims whose lease had ended were freed');
    } catch (error) {
      this.logger.warn({ err: error }, 'expired leases could not be freed');
    }
  }
}
