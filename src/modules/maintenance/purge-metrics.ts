import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { METRICS, type MetricsRegistry } from '../../kernel/index.js';
import type { DeadLetterReport, UpkeepReport } from '../bus/index.js';

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
  private readonly openLetters: Gauge;
  private readonly oldestLetter: Gauge;
  private readonly purgedLetters: Counter<'state'>;

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
    this.openLetters = new Gauge({
      name: 'tidemark_dead_letters',
      help: 'Dead letters of all tenants that were neither replayed nor discarded, counted up to a million.',
      registers,
    });
    this.oldestLetter = new Gauge({
      name: 'tidemark_dead_letters_oldest_seconds',
      help: 'Age of the oldest of them; at the retention it is deleted.',
      registers,
    });
    this.purgedLetters = new Counter({
      name: 'tidemark_dead_letters_purged_total',
      help: 'Dead letters that this process has deleted for their age, by what had become of them.',
      labelNames: ['state'],
      registers,
    });
  }

  keptUp(report: UpkeepReport): void {
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

  lettersPurged(letters: DeadLetterReport): void {
    this.openLetters.set(letters.open);
    this.oldestLetter.set(letters.oldestOpenMs / 1000);
    for (const [state, count] of Object.entries(letters.purged)) this.purgedLetters.inc({ state }, count);
  }
}
