import { Inject, Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { LOGGER, type Logger } from '../../kernel/index.js';
import { INGEST_BUS, type IngestBus } from '../bus/index.js';

/** Frees what dead coordinators held, so that it shows as waiting at once. Any number of processes may run it. */
@Injectable()
export class ExpiredLeasesTask {
  private running: Promise<void> | undefined;

  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Cron('*/5 * * * * *', { name: 'expired-leases' })
  async run(): Promise<void> {
    this.running ??= this.requeue().finally(() => (this.running = undefined));
    await this.running;
  }

  private async requeue(): Promise<void> {
    try {
      const freed = await this.bus.requeueExpired();
      if (freed > 0) this.logger.warn({ freed }, 'claims whose lease had ended were freed');
    } catch (error) {
      this.logger.warn({ err: error }, 'expired leases could not be freed');
    }
  }
}
