import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { METRICS, type MetricsRegistry } from '../../kernel/index.js';
import type { UpkeepReport } from '../bus/index.js';

/** As of the last run in this process. Every maintenance process shows the same gauges: take the maximum. */
@Injectable()
export class PurgeMetrics {
  private readonly current: Gauge<'class'>;
  private readonly ageSeconds: Gauge<'class'>;
  private readonly leaves: Gauge<'class'>;
  private readonly held: Gauge<'class'>;
  private readonly dropped: Counter;
  private readonly putOff: Counter;
  private readonly claims: Counter;

  constructor(@Inject(METRICS) registry: MetricsRegistry) {
    const registers = [registry];
    const labelNames = ['class'] as const;
    this.current = new Gauge({
      name: 'tidemark_ledger_generation',
      help: 'Number of the current generation.',
      labelNames,
      registers,
    });
    this.ageSeconds = new Gauge({
      name: 'tidemark_ledger_generation_age_seconds',
      help: 'Age of the current generation; above its window the rotation is late.',
      labelNames,
      registers,
    });
    this.leaves = new Gauge({
      name: 'tidemark_ledger_leaves',
      help: 'Leaf partitions, those made beforehand included.',
      labelNames,
      registers,
    });
    this.held = new Gauge({
      name: 'tidemark_ledger_oldest_generations_back',
      help: 'How many generations back the oldest leaf is: 1 for a class, 0 for bodies when nothing is held.',
      labelNames,
      registers,
    });
    this.dropped = new Counter({
      name: 'tidemark_ledger_leaves_dropped_total',
      help: 'Leaf partitions that this process has dropped.',
      registers,
    });
    this.putOff = new Counter({
      name: 'tidemark_ledger_put_off_total',
      help: 'Rotations and drops that did not get their lock in a run.',
      registers,
    });
    this.claims = new Counter({
      name: 'tidemark_claims_purged_total',
      help: 'Settled claims that this process has deleted.',
      registers,
    });
  }

  ran(report: UpkeepReport): void {
    for (const { className, current, ageMs, leaves, oldest } of report.generations) {
      const labels = { class: className };
      this.current.set(labels, current);
      this.ageSeconds.set(labels, ageMs / 1000);
      this.leaves.set(labels, leaves);
      this.held.set(labels, current - oldest);
    }
    this.dropped.inc(report.droppedLeaves.length);
    this.putOff.inc(report.putOff.length);
    this.claims.inc(report.purgedClaims);
  }
}
