import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { BackgroundLoop, CLOCK, LOGGER, type Clock, type Logger } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import { Notifications } from '../../database/index.js';
import { INGEST_BUS, type Backlog, type Claim, type IngestBus } from '../bus/index.js';
import { EngineFailure } from '../engine/index.js';
import { PublicationRefused } from '../snapshots/index.js';
import { dueInMs, type TenantPace } from './cadence.js';
import { ClaimCommitter } from './claim-committer.js';
import { CommitMetrics } from './commit-metrics.js';
import { FailureIncidents } from './failure-incidents.js';
import { withLease } from './lease-keeper.js';
import { Schedule } from './schedule.js';
import { UnknownEventFault } from './table-writer.js';

/** Clocks are compared with heads this often, so that a lost notification costs little. */
const LOOK_EVERY_MS = 200;
const MAX_BACKOFF_MS = 10_000;
const MAX_NACK_DELAY_MS = 30_000;
const MAX_CAUSE_CHARS = 500;

/** A backlog that is due for no other reason than that someone waits. */
const NOTHING_PENDING = { pendingEvents: 0, pendingBytes: 0, oldestAgeMs: 0 };

/** A tenant that could not be claimed: nothing in the bus holds it back, so this process does. */
interface Setback {
  readonly failures: number;
  /** Of the first of them. */
  readonly since: number;
  readonly until: number;
}

/**
 * The commit loop of one process: finds tenants whose commit is due, claims, commits, and gives back what failed.
 * Looks go on while commits do. Any number of processes may run one; the bus lets one at a time work on a tenant.
 */
@Injectable()
export class Coordinator implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly consumer = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  private readonly flushTokens = new Map<string, number>();
  private readonly paces = new Map<string, TenantPace>();
  private readonly setbacks = new Map<string, Setback>();
  private readonly schedule: Schedule;
  private readonly loop: BackgroundLoop;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(ClaimCommitter) private readonly committer: ClaimCommitter,
    @Inject(Notifications) private readonly notifications: Notifications,
    @Inject(FailureIncidents) private readonly incidents: FailureIncidents,
    @Inject(CommitMetrics) private readonly metrics: CommitMetrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(settingsOf('commit')) private readonly settings: Settings['commit'],
    @Inject(settingsOf('engine')) engine: Settings['engine'],
  ) {
    this.schedule = new Schedule({
      slots: engine.writeConcurrency,
      clock,
      commit: (tenantId, signal) => this.commitTenant(tenantId, signal),
      onFree: () => this.loop.wake(),
    });
    this.loop = new BackgroundLoop({
      name: 'commit',
      clock,
      logger,
      idleMs: LOOK_EVERY_MS,
      maxBackoffMs: MAX_BACKOFF_MS,
      runOnce: async (signal) => {
        await this.look(signal);
        return false;
      },
    });
  }

  /** When the last look without a fault ended, in milliseconds since the epoch; 0 before the first. */
  get lastLookAt(): number {
    return this.loop.lastTurnAt;
  }

  /** For how many milliseconds commits have taken up every slot; 0 where one is free. */
  get takenUpMs(): number {
    return this.schedule.takenUpMs;
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
    await this.loop.stop();
    clearTimeout(this.timer);
    await this.schedule.idle();
  }

  /** Someone waits for the token: the next commit of the tenant does not wait for its delay. */
  requestFlush(tenantId: string, token: number): void {
    if (token <= (this.flushTokens.get(tenantId) ?? 0)) return;
    this.flushTokens.set(tenantId, token);
    // Where nothing stands in the way, the claim tells as well as a look whether there is something to commit.
    const oldest = { tenantId, publishedToken: token - 1, lastToken: token, ...NOTHING_PENDING };
    if (this.dueInMs(oldest) <= 0 && this.schedule.startNow(tenantId)) return;
    if (this.schedule.outdate()) this.loop.wake();
  }

  /** One look at all tenants, and the commits that follow from it to their end. Answers whether there were any. */
  async runOnce(signal: AbortSignal): Promise<boolean> {
    const due = await this.look(signal);
    await this.schedule.idle();
    return due > 0;
  }

  /** Starts the commits that are due and find a slot. Answers how many are due. */
  private async look(signal: AbortSignal): Promise<number> {
    const waits = (await this.bus.backlog()).map((backlog) => ({ backlog, inMs: this.dueInMs(backlog) }));
    const due = waits.filter(({ inMs }) => inMs <= 0);
    this.schedule.offer(
      due.map(({ backlog: { tenantId, oldestAgeMs } }) => ({
        tenantId,
        oldestAgeMs,
        waitedFor: this.flushTokens.has(tenantId),
      })),
      signal,
    );
    const next = Math.min(...waits.filter(({ inMs }) => inMs > 0).map(({ inMs }) => inMs));
    if (next < LOOK_EVERY_MS) this.wakeIn(next);
    return due.length;
  }

  private dueInMs(backlog: Backlog): number {
    const flushToken = this.flushTokens.get(backlog.tenantId) ?? 0;
    if (flushToken <= backlog.publishedToken) this.flushTokens.delete(backlog.tenantId);
    const now = this.clock.now();
    const setback = this.setbacks.get(backlog.tenantId);
    const heldBackMs = setback === undefined ? 0 : setback.until - now;
    if (heldBackMs > 0) return Math.min(heldBackMs, MAX_NACK_DELAY_MS);
    return dueInMs(backlog, flushToken, this.paces.get(backlog.tenantId), now, this.settings);
  }

  private wakeIn(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.loop.wake(), ms);
  }

  /** Never rejects: what fails is one tenant's and must not keep the others from their commits. */
  private async commitTenant(tenantId: string, signal: AbortSignal): Promise<void> {
    const startedAt = this.clock.now();
    const claim = await this.claim(tenantId);
    if (claim === undefined) return;
    if (claim.afterLostLease) await this.incidents.ofClaim(claim, 'the leases on it ran out');
    const { bus, clock, logger } = this;
    try {
      const keeper = { bus, clock, logger, leaseMs: this.settings.leaseMs };
      const waitedFor = (this.flushTokens.get(tenantId) ?? 0) > claim.baseToken;
      const commit = (held: AbortSignal) => this.committer.commit(claim, waitedFor, held);
      const snapshotId = await withLease(claim, keeper, signal, commit);
      const durationMs = clock.now() - startedAt;
      this.paces.set(tenantId, { lastEndedAt: clock.now(), lastDurationMs: durationMs });
      this.metrics.committed(claim, durationMs);
      logger.debug({ tenantId, snapshotId, watermark: claim.lastToken, durationMs }, 'published');
    } catch (error) {
      await this.giveBack(claim, error, signal);
      return;
    }
    try {
      await bus.ack(claim);
    } catch (error) {
      logger.warn({ err: error, tenantId, claimId: claim.claimId }, 'a published claim could not be acked');
    }
  }

  private async claim(tenantId: string): Promise<Claim | undefined> {
    const limits = { maxRows: this.settings.targetRows, maxBytes: this.settings.targetBytes };
    try {
      const claim = await this.bus.claim(tenantId, this.consumer, limits, this.settings.leaseMs);
      this.setbacks.delete(tenantId);
      return claim;
    } catch (error) {
      const { failures: before, since } = this.setbacks.get(tenantId) ?? {
        failures: 0,
        since: this.clock.now(),
      };
      const failures = before + 1;
      const pauseMs = backoffMs(failures);
      this.setbacks.set(tenantId, { failures, since, until: this.clock.now() + pauseMs });
      this.logger.error({ err: error, tenantId, failures, pauseMs }, 'a tenant could not be claimed');
      this.metrics.failed();
      await this.incidents.ofTenant(tenantId, failures, since, causeOf(error), this.consumer);
      return undefined;
    }
  }

  private async giveBack(claim: Claim, error: unknown, signal: AbortSignal): Promise<void> {
    const { tenantId, claimId, attempt } = claim;
    if (error instanceof UnknownEventFault) {
      this.logger.warn({ tenantId, claimId, attempt, reason: error.message }, 'a range is split for a fault');
    } else if (error instanceof PublicationRefused) {
      this.logger.warn({ tenantId, claimId, attempt, reason: error.message }, 'a publication was refused');
    } else if (!signal.aborted) {
      this.logger.error(
        { err: error, tenantId, claimId, attempt },
        'a commit failed and will be tried again',
      );
      this.metrics.failed();
    }
    try {
      const cause = causeOf(error);
      // Splitting has no pause: each part either is published or halves what the fault can be in.
      const delayMs = signal.aborted || error instanceof UnknownEventFault ? 0 : backoffMs(attempt);
      await this.bus.nack(claim, delayMs, cause, signal.aborted ? undefined : splitOf(claim, error));
      if (!signal.aborted && !(error instanceof UnknownEventFault))
        await this.incidents.ofClaim(claim, cause);
    } catch (nackError) {
      this.logger.warn(
        { err: nackError, tenantId, claimId },
        'a claim could not be given back; its lease will end',
      );
    }
  }
}

/** How many tokens the next attempt may have; undefined where the size of the range has no part in the failure. */
function splitOf(claim: Claim, error: unknown): number | undefined {
  const tokens = claim.lastToken - claim.baseToken;
  if (error instanceof UnknownEventFault) return Math.ceil(tokens / 2);
  // What was too much for the engine gets through in smaller parts.
  const tooMuch = error instanceof EngineFailure && error.reason !== 'closed' && error.reason !== 'timeout';
  return tooMuch && claim.attempt > 1 ? Math.ceil(tokens / 4) : undefined;
}

function backoffMs(attempt: number): number {
  return Math.min(MAX_NACK_DELAY_MS, 200 * 2 ** Math.min(attempt, 10));
}

/** For the claim's row: Postgres keeps no NUL, and a message may quote whole events. */
function causeOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.slice(0, MAX_CAUSE_CHARS).replaceAll('\0', '');
}
