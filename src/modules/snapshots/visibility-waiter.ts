import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { CLOCK, LOGGER, type Clock, type Logger } from '../../kernel/index.js';
import { Notifications, Transactions } from '../../database/index.js';
import { readProgress } from './sql/head.js';

export interface Visibility {
  readonly snapshotId: number;
  /** The tenant's published token. */
  readonly watermark: number;
}

interface Waiter {
  readonly token: number;
  readonly resolve: (visibility: Visibility) => void;
}

/** A waiter asks for a flush, and looks at the head itself, this often: a lost notification costs no more. */
const REPEAT_MS = 500;

/** Waits for tokens to become visible. Woken by the `tidemark_published` channel; asks for flushes on its own. */
@Injectable()
export class VisibilityWaiter implements OnModuleInit, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly waiters = new Map<string, Set<Waiter>>();
  private readonly looks = new Map<string, Promise<Visibility | undefined>>();

  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(Notifications) private readonly notifications: Notifications,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.notifications.subscribe('tidemark_published', (payload) => {
      const [tenantId = '', watermark, snapshotId] = payload.split(':');
      this.wake(tenantId, { watermark: Number(watermark), snapshotId: Number(snapshotId) });
    });
  }

  /** Ends all waits, so that no request holds the shutdown up: what was written stands. */
  beforeApplicationShutdown(): void {
    this.stopping.abort();
  }

  /** Answers nothing when `timeoutMs` is over, or `signal` aborts, or the process stops first. */
  async waitFor(
    tenantId: string,
    token: number,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Visibility | undefined> {
    const woken = new AbortController();
    const ended =
      signal === undefined ? this.stopping.signal : AbortSignal.any([signal, this.stopping.signal]);
    const pause = AbortSignal.any([woken.signal, ended]);
    const deadline = this.clock.now() + timeoutMs;
    const waiters = this.waiters.get(tenantId) ?? new Set<Waiter>();
    this.waiters.set(tenantId, waiters);
    let visible: Visibility | undefined;
    // Registered before the first look at the head, so that no publication falls between the two.
    const waiter: Waiter = {
      token,
      resolve: (visibility) => {
        visible = visibility;
        woken.abort();
      },
    };
    waiters.add(waiter);
    try {
      for (;;) {
        this.requestFlush(tenantId);
        // Not `visible ??= await …`: that would undo a wake-up that came during the look.
        const seen = await this.look(tenantId, token);
        visible ??= seen;
        const leftMs = deadline - this.clock.now();
        if (visible !== undefined || ended.aborted || leftMs <= 0) return visible;
        await this.clock.sleep(Math.min(REPEAT_MS, leftMs), pause);
        if (visible !== undefined) return visible;
      }
    } finally {
      waiters.delete(waiter);
      if (waiters.size === 0) this.waiters.delete(tenantId);
    }
  }

  private wake(tenantId: string, visibility: Visibility): void {
    for (const waiter of this.waiters.get(tenantId) ?? []) {
      if (waiter.token <= visibility.watermark) waiter.resolve(visibility);
    }
  }

  /** One notification for all waiters of the tenant: the highest token that anyone waits for. */
  private requestFlush(tenantId: string): void {
    const tokens = [...(this.waiters.get(tenantId) ?? [])].map((waiter) => waiter.token);
    this.notifications.notify('tidemark_flush', `${tenantId}:${Math.max(...tokens)}`);
  }

  /** Waiters of a tenant that look at the same time share one query, which began after each of them asked. */
  private async look(tenantId: string, token: number): Promise<Visibility | undefined> {
    const earlier = this.looks.get(tenantId);
    if (earlier !== undefined) await earlier;
    let look = this.looks.get(tenantId);
    if (look === undefined) {
      look = this.readHead(tenantId).finally(() => this.looks.delete(tenantId));
      this.looks.set(tenantId, look);
    }
    const head = await look;
    return head === undefined || head.watermark < token ? undefined : head;
  }

  private async readHead(tenantId: string): Promise<Visibility | undefined> {
    try {
      const progress = await this.transactions.pooled((pool) => readProgress(pool, tenantId));
      return progress && { snapshotId: progress.snapshotId, watermark: progress.publishedToken };
    } catch (error) {
      this.logger.debug({ err: error, tenantId }, 'the head could not be read while waiting');
      return undefined;
    }
  }
}
