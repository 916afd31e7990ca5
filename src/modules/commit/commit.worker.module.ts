import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { CLOCK, ReadinessRegistry, type Clock } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import { BusModule } from '../bus/index.js';
import { EngineModule } from '../engine/index.js';
import { SnapshotsModule } from '../snapshots/index.js';
import { StorageModule } from '../storage/index.js';
import { TablesModule } from '../tables/index.js';
import { ClaimCommitter } from './claim-committer.js';
import { ClaimUploads } from './claim-uploads.js';
import { CommitMetrics } from './commit-metrics.js';
import { Coordinator } from './coordinator.js';
import { FailureIncidents } from './failure-incidents.js';
import { TableWriter } from './table-writer.js';

/** Looks that stay away for longer than this many leases, or slots that are taken up for as long, are stuck. */
const STUCK_AFTER_LEASES = 2;

/** The coordinator role: the commit loop. */
@Module({
  imports: [BusModule, EngineModule.forWriting(), SnapshotsModule, StorageModule, TablesModule],
  providers: [ClaimCommitter, ClaimUploads, CommitMetrics, Coordinator, FailureIncidents, TableWriter],
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
        const fault = this.fault();
        return fault === undefined ? Promise.resolve() : Promise.reject(new Error(fault));
      },
    });
  }

  private fault(): string | undefined {
    const { lastLookAt, takenUpMs } = this.coordinator;
    const boundMs = STUCK_AFTER_LEASES * this.settings.leaseMs;
    const silentMs = this.clock.now() - lastLookAt;
    if (lastLookAt === 0) return 'the commit loop has not ended a look yet';
    if (silentMs > boundMs) return `the commit loop ended its last look ${Math.round(silentMs / 1000)} s ago`;
    if (takenUpMs > boundMs)
      return `commits have taken up every slot for ${Math.round(takenUpMs / 1000)} s without an end`;
    return undefined;
  }
}
