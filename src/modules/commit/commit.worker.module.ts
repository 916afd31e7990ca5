import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { CLOCK, ReadinessRegistry, type Clock } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import { BusModule } from '../bus/index.js';
import { EngineModule } from '../engine/index.js';
import { SnapshotsModule } from '../snapshots/index.js';
import { StorageModule } from '../storage/index.js';
import { TablesModule } from '../tables/index.js';
import { ClaimCommitter } from './claim-committer.js';
import { CommitMetrics } from './commit-metrics.js';
import { Coordinator } from './coordinator.js';

/** A turn may take as long as one commit; a loop that is silent for longer than this many leases is stuck. */
const STUCK_AFTER_LEASES = 2;

/** The coordinator role: the commit loop. */
@Module({
  imports: [BusModule, EngineModule.forWriting(), SnapshotsModule, StorageModule, TablesModule],
  providers: [ClaimCommitter, CommitMetrics, Coordinator],
})
export class CommitWorkerModule implements OnModuleInit {
  constructor(
    @Inject(Coordinator) private readonly coordinator: Coordinator,
    @Inject(ReadinessRegistry) private readonly readiness: ReadinessRegistry,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(settingsOf('commit')) private readonly settings: Settings['commit'],
  ) {}

  onModuleInit(): void {
    this.readiness.register('coordinator', {
      for: ['all'],
      check: () => {
        const silentMs = this.clock.now() - this.coordinator.lastTurnAt;
        if (silentMs <= STUCK_AFTER_LEASES * this.settings.leaseMs) return Promise.resolve();
        return Promise.reject(
          new Error(
            this.coordinator.lastTurnAt === 0
              ? 'the commit loop has not ended a turn yet'
              : `the commit loop ended its last turn ${Math.round(silentMs / 1000)} s ago`,
          ),
        );
      },
    });
  }
}
