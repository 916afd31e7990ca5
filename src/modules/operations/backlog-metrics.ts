import { Inject, Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { CLOCK, LOGGER, METRICS, type Clock, type Logger, type MetricsRegistry } from '../../kernel/index.js';
import { INGEST_BUS, type Backlog, type IngestBus } from '../bus/index.js';

/** Scrapes within this time share one look at the bus. */
const FRESH_MS = 10_000;
/** A scrape goes on without the backlog when the bus does not answer in this time. */
const TIMEOUT_MS = 1000;

const GAUGES: readonly [name: string, help: string, of: (backlog: readonly Backlog[]) => number][] = [
  [
    'tidemark_backlog_tenants',
    'Tenants with events that wait for a commit to begin.',
    (backlog) => backlog.length,
  ],
  [
    'tidemark_backlog_events',
    'Events that wait for a commit to begin.',
    (backlog) => sum(backlog, (b) => b.pendingEvents),
  ],
  [
    'tidemark_backlog_bytes',
    'Bytes of those events on the bus.',
    (backlog) => sum(backlog, (b) => b.pendingBytes),
  ],
  [
    'tidemark_backlog_oldest_seconds',
    'How long the oldest of those events has waited.',
    (backlog) => Math.max(0, ...backlog.map((one) => one.oldestAgeMs / 1000)),
  ],
];

/** The bus's backlog over all tenants. Every process shows the same one: take the maximum, not the sum. */
@Injectable()
export class BacklogMetrics {
  private look: { readonly takenAt: number; readonly backlog: Promise<Backlog[] | undefined> } | undefined;

  constructor(
    @Inject(METRICS) metrics: MetricsRegistry,
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    for (const [name, help, of] of GAUGES) {
      const collect = async () => {
        const backlog = await this.read();
        if (backlog === undefined) gauge.remove();
        else gauge.set(of(backlog));
      };
      const gauge = new Gauge({ name, help, registers: [metrics], collect });
    }
  }

  /** Undefined where the bus did not answer; the gauges are absent then. */
  private async read(): Promise<Backlog[] | undefined> {
    const now = this.clock.now();
    if (this.look === undefined || now - this.look.takenAt >= FRESH_MS) {
      this.look = { takenAt: now, backlog: this.bus.backlog().catch((error: unknown) => this.failed(error)) };
    }
    const stop = new AbortController();
    const late = this.clock.sleep(TIMEOUT_MS, stop.signal).then(() => undefined);
    try {
      return await Promise.race([this.look.backlog, late]);
    } finally {
      stop.abort();
    }
  }

  private failed(error: unknown): undefined {
    this.logger.debug({ err: error }, 'the backlog could not be read for the metrics');
    this.look = undefined;
  }
}

function sum(backlog: readonly Backlog[], of: (one: Backlog) => number): number {
  return backlog.reduce((total, one) => total + of(one), 0);
}
