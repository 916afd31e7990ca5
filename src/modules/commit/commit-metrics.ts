import { Inject, Injectable } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { METRICS, type MetricsRegistry } from '../../kernel/index.js';
import type { Claim } from '../bus/index.js';

@Injectable()
export class CommitMetrics {
  private readonly events: Counter;
  private readonly failures: Counter;
  private readonly seconds: Histogram;

  constructor(@Inject(METRICS) registry: MetricsRegistry) {
    const registers = [registry];
    this.events = new Counter({
      name: 'tidemark_commit_events_total',
      help: 'Events that this process has published.',
      registers,
    });
    this.failures = new Counter({
      name: 'tidemark_commit_failures_total',
      help: 'Commits that failed and were given back.',
      registers,
    });
    this.seconds = new Histogram({
      name: 'tidemark_commit_seconds',
      help: 'Time from the claim to the publication.',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
  }

  committed(claim: Claim, durationMs: number): void {
    this.events.inc(claim.batches.reduce((sum, batch) => sum + batch.recordCount, 0));
    this.seconds.observe(durationMs / 1000);
  }

  failed(): void {
    this.failures.inc();
  }
}
