import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { settingsOf, type Settings } from '../../config/index.js';
import { Notifications, Transactions } from '../../database/index.js';
import { AppError, CLOCK, QUEUE_FULL, type Clock } from '../../kernel/index.js';
import { readPending } from './sql/read-pending.js';

/** What this process knows of a tenant. Both tokens only grow, and are at or below the true ones. */
interface Progress {
  lastToken: number;
  publishedToken: number;
  maxPending: number;
  /** Of the last reading. */
  readAtMs: number;
  /** Of the last reading that found the tenant at its limit. */
  fullAtMs: number;
  reading: Promise<void> | undefined;
}

/** Other processes acknowledge and publish too: the catalog is read this often for a tenant that writes. */
const REFRESH_MS = 1_000;
/** A refusal rests on a reading that is no older, so that a flood of refused requests costs few. */
const CONFIRMED_MS = 100;
const RETRY_AFTER_MS = 1_000;
const MAX_TENANTS = 10_000;

/**
 * Holds tenants to their limit of pending events: acknowledged, not yet published (clock minus head). It knows the
 * clock from this process's own acknowledgements and the head from `tidemark_published`, and reads both now and then,
 * so a check costs no query. It may let a little too much pass; it refuses only what a fresh reading confirms.
 */
@Injectable()
export class PendingLimit implements OnModuleInit {
  private readonly tenants = new LRUCache<string, Progress>({ max: MAX_TENANTS });

  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(Notifications) private readonly notifications: Notifications,
    @Inject(settingsOf('ingest')) private readonly settings: Settings['ingest'],
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.notifications.subscribe('tidemark_published', (payload) => {
      const [tenantId = '', watermark] = payload.split(':');
      const known = this.tenants.peek(tenantId);
      if (known !== undefined) known.publishedToken = Math.max(known.publishedToken, Number(watermark) || 0);
    });
  }

  /** Throws, or rejects with, QUEUE_FULL where the tenant is at its limit. No promise on the hot path. */
  check(tenantId: string): Promise<void> | undefined {
    const known = this.tenants.get(tenantId);
    if (known === undefined) return this.confirm(tenantId, this.remember(tenantId));
    const now = this.clock.now();
    if (pendingOf(known) < known.maxPending) {
      if (now - known.readAtMs > REFRESH_MS) this.read(tenantId, known).catch(() => undefined);
      return undefined;
    }
    if (now - known.fullAtMs > CONFIRMED_MS) return this.confirm(tenantId, known);
    throw full(known);
  }

  /** This process acknowledged a token of the tenant. */
  acknowledged(tenantId: string, token: number): void {
    const known = this.tenants.get(tenantId);
    if (known !== undefined && token > known.lastToken) known.lastToken = token;
  }

  /** As of now. */
  async current(tenantId: string): Promise<{ readonly pending: number; readonly max: number }> {
    const known = this.tenants.get(tenantId) ?? this.remember(tenantId);
    await this.read(tenantId, known);
    return { pending: pendingOf(known), max: known.maxPending };
  }

  private async confirm(tenantId: string, known: Progress): Promise<void> {
    await this.read(tenantId, known);
    if (pendingOf(known) >= known.maxPending) throw full(known);
  }

  private remember(tenantId: string): Progress {
    const known: Progress = {
      lastToken: 0,
      publishedToken: 0,
      maxPending: this.settings.maxPendingEvents,
      readAtMs: 0,
      fullAtMs: 0,
      reading: undefined,
    };
    this.tenants.set(tenantId, known);
    return known;
  }

  /** Readings of a tenant at the same time are one. */
  private read(tenantId: string, known: Progress): Promise<void> {
    known.reading ??= this.readNow(tenantId, known).finally(() => (known.reading = undefined));
    return known.reading;
  }

  private async readNow(tenantId: string, known: Progress): Promise<void> {
    const row = await this.transactions.pooled((pool) => readPending(pool, tenantId));
    known.readAtMs = this.clock.now();
    if (row === undefined) return;
    known.lastToken = Math.max(known.lastToken, row.last_token);
    known.publishedToken = Math.max(known.publishedToken, row.published_token);
    known.maxPending = row.max_pending ?? this.settings.maxPendingEvents;
    if (pendingOf(known) >= known.maxPending) known.fullAtMs = known.readAtMs;
  }
}

const pendingOf = ({ lastToken, publishedToken }: Progress): number =>
  Math.max(0, lastToken - publishedToken);

function full(known: Progress): AppError {
  const pending = pendingOf(known);
  const { maxPending } = known;
  return new AppError(
    QUEUE_FULL,
    `${pending} events of the tenant are not visible yet; its limit is ${maxPending}.`,
    {
      context: { pending_events: pending, max_pending_events: maxPending },
      retryAfterMs: RETRY_AFTER_MS,
    },
  );
}
