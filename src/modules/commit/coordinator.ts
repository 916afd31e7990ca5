import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { BackgroundLoop, CLOCK, LOGGER, type Clock, type Logger } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import { Notifications } from '../../database/index.js';
import { INGEST_BUS, type Backlog, type Claim, type IngestBus } from '../bus/index.js';
import { PublicationRefused } from '../snapshots/index.js';
import { dueInMs, type TenantPace } from './cadence.js';
import { ClaimCommitter } from './claim-committer.js';
import { CommitMetrics } from './commit-metrics.js';
import { withLease } from './lease-keeper.js';

/** Clocks are compared with heads this often, so that a lost notification costs little. */
const LOOK_EVERY_MS = 200;
const MAX_BACKOFF_MS = 10_000;
const MAX_NACK_DELAY_MS = 30_000;

/**
 * The commit loop of one process: finds tenants whose commit is due, claims, commits, and gives back what failed.
 * Any number of processes may run one; the bus lets one at a time work on a tenant.
 */
@Injectable()
export class Coordinator implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly consumer = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  private readonly flushTokens = new Map<string, number>();
  private readonly paces = new Map<string, TenantPace>();
  private readonly loop: BackgroundLoop;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(ClaimCommitter) private readonly committer: ClaimCommitter,
    @Inject(Notifications) private readonly notifications: Notifications,
    @Inject(CommitMetrics) private readonly metrics: CommitMetrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(settingsOf('commit')) private readonly settings: Settings['commit'],
    @Inject(settingsOf('engine')) private readonly engine: Settings['engine'],
  ) {
    this.loop = new BackgroundLoop({
      name: 'commit',
      clock,
      logger,
      idleMs: LOOK_EVERY_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
      runOnce: (signal) => this.runOnce(signal),
    });
  }

  /** When the loop last ended a turn without a fault, in milliseconds since the epoch; 0 before the first. */
  get lastTurnAt(): number {
    return this.loop.lastTurnAt;
  }

  onApplicationBootstrap(): void {
    this.notifications.subscribe('tidemark_flush', (payload) => {
      const [tenantId = '', token] = payload.split(':');
      this.requestFlush(tenantId, Number(token));
    });
    this.loop.start();
  }

  /** Aborts the commits under way; their claims are given back at once. */
  async beforeApplicationShutdown(): Promise<void> {
    clearTimeout(this.timer);
    await this.loop.stop();
  }

  /** Someone waits for the token: the next commit of the tenant does not wait for its delay. */
  requestFlush(tenantId: string, token: number): void {
    if (token <= (this.flushTokens.get(tenantId) ?? 0)) return;
    this.flushTokens.set(tenantId, token);
    this.loop.wake();
  }

  /** One look at all tenants. Answers true when commits were made and more may be due at once. */
  async runOnce(signal: AbortSignal): Promise<boolean> {
    const backlogs = await this.bus.backlog();
    const waits = backlogs.map((backlog) => ({ backlog, inMs: this.dueInMs(backlog) }));
    const due = waits.filter(({ inMs }) => inMs <= 0).map(({ backlog }) => backlog);
    for (let i = 0; i < due.length && !signal.aborted; i += this.engine.writeConcurrency) {
      const turn = due.slice(i, i + this.engine.writeConcurrency);
      await Promise.all(turn.map((backlog) => this.commitTenant(backlog.tenantId, signal)));
    }
    const next = Math.min(...waits.filter(({ inMs }) => inMs > 0).map(({ inMs }) => inMs));
    if (next < LOOK_EVERY_MS) this.wakeIn(next);
    return due.length > 0;
  }

  private dueInMs(backlog: Backlog): number {
    const flushToken = this.flushTokens.get(backlog.tenantId) ?? 0;
    if (flushToken <= backlog.publishedToken) this.flushTokens.delete(backlog.tenantId);
    return dueInMs(backlog, flushToken, this.paces.get(backlog.tenantId), this.clock.now(), this.settings);
  }

  private wakeIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.loop.wake(), ms);
  }

  private async commitTenant(tenantId: string, signal: AbortSignal): Promise<void> {
    const startedAt = this.clock.now();
    const limits = { maxRows: this.settings.targetRows, maxBytes: this.settings.targetBytes };
    const claim = await this.bus.claim(tenantId, this.consumer, limits, this.settings.leaseMs);
    if (claim === undefined) return;
    const { bus, clock, logger } = this;
    try {
      const keeper = { bus, clock, logger, leaseMs: this.settings.leaseMs };
      const snapshotId = await withLease(claim, keeper, signal, (held) => this.committer.commit(claim, held));
      const durationMs = clock.now() - startedAt;
      this.paces.set(tenantId, { lastEndedAt: clock.now(), lastDurationMs: durationMs });
      this.metrics.committed(claim, durationMs);
      logger.debug({ tenantId, snapshotId, watermark: claim.lastToken, durationMs }, 'published');
      await bus.ack(claim);
    } catch (error) {
      await this.giveBack(claim, error, signal);
    }
  }

  private async giveBack(claim: Claim, error: unknown, signal: AbortSignal): Promise<void> {
    const { tenantId, claimId, attempt } = claim;
    if (error instanceof PublicationRefused) {
      this.logger.warn({ tenantId, claimId, attempt, reason: error.message }, 'a publication was refused');
    } else if (!signal.aborted) {
      this.logger.error({ err: error, tenantId, claimId, attempt }, 'a commit failed and will be tried again');
      this.metrics.failed();
    }
    const delayMs = signal.aborted ? 0 : Math.min(MAX_NACK_DELAY_MS, 200 * 2 ** Math.min(attempt, 10));
    const cause = error instanceof Error ? error.message : String(error);
    try {
      await this.bus.nack(claim, delayMs, cause);
    } catch (nackError) {
      this.logger.warn({ err: nackError, tenantId, claimId }, 'a claim could not be given back; its lease will end');
    }
  }
}
