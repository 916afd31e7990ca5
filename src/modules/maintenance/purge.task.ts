import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { settingsOf, type Settings } from '../../config/index.js';
import { Transactions } from '../../database/index.js';
import { CLOCK, LOGGER, type Clock, type Logger } from '../../kernel/index.js';
import { DeadLetterUpkeep, LedgerUpkeep, type DeadLetterReport } from '../bus/index.js';
import { onCron, type ScheduledTask } from './on-cron.js';
import { PurgeMetrics } from './purge-metrics.js';
import { forgetPurgeRuns, recordScheduledRun } from './sql/maintenance-runs.js';

const RUNS_KEPT_MS = 30 * 24 * 3_600_000;

/**
 * Keeps the bus from growing: rotates, drops, purges, as far as due. A run that rotated, dropped, or purged dead letters
 * leaves a `maintenance_run`; the claims that it purged are counted there, and are no reason for one.
 */
@Injectable()
export class PurgeTask implements ScheduledTask, BeforeApplicationShutdown {
  private running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(LedgerUpkeep) private readonly upkeep: LedgerUpkeep,
    @Inject(DeadLetterUpkeep) private readonly deadLetters: DeadLetterUpkeep,
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(PurgeMetrics) private readonly metrics: PurgeMetrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(settingsOf('maintenance')) settings: Settings['maintenance'],
  ) {
    onCron(this, settings.purgeCron, 'purge');
  }

  run(): Promise<void> {
    this.running = this.purge().catch((error: unknown) => {
      this.logger.warn({ err: error }, 'the ledger could not be kept up');
    });
    return this.running;
  }

  /** Waits for the run under way. */
  beforeApplicationShutdown(): Promise<void> {
    return this.running;
  }

  private async purge(): Promise<void> {
    const startedAt = this.clock.now();
    const report = await this.upkeep.runOnce();
    this.metrics.keptUp(report);
    const { rotated, droppedLeaves, leavesInUse, putOff, purgedClaims } = report;
    if (putOff.length > 0) this.logger.warn({ putOff }, 'parts of the ledger are locked and were put off');
    const purged = await this.purgeLetters();
    const purgedLetters = purged.dead + purged.replayed + purged.discarded;
    if (rotated.length === 0 && droppedLeaves.length === 0 && purgedLetters === 0) return;
    this.logger.info(
      { rotated, droppedLeaves, leavesInUse, purgedClaims, purgedLetters },
      'the ledger was rotated or purged',
    );
    await this.transactions.pooled(async (pool) => {
      await recordScheduledRun(pool, {
        kind: 'purge',
        durationMs: this.clock.now() - startedAt,
        progress: {
          rotated,
          dropped_leaves: droppedLeaves,
          leaves_in_use: leavesInUse,
          put_off: putOff,
          purged_claims: purgedClaims,
          purged_dead_letters: purged,
        },
      });
      await forgetPurgeRuns(pool, RUNS_KEPT_MS);
    });
  }

  /** Never rejects: what was rotated and dropped before is told of all the same. */
  private async purgeLetters(): Promise<DeadLetterReport['purged']> {
    try {
      const letters = await this.deadLetters.runOnce();
      this.metrics.lettersPurged(letters);
      const { purged } = letters;
      if (purged.dead > 0) this.logger.warn(purged, 'dead letters that nobody had looked after were purged');
      return purged;
    } catch (error) {
      this.logger.warn({ err: error }, 'the dead letters could not be purged');
      return { dead: 0, replayed: 0, discarded: 0 };
    }
  }
}
