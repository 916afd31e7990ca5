import { Inject, Injectable } from '@nestjs/common';
import { AppError } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import { Transactions } from '../../database/index.js';
import type { SnapshotEntity } from './snapshot.entity.js';
import { SnapshotStore } from './snapshot.store.js';
import {
  CONSISTENCY_TIMEOUT,
  SNAPSHOT_EXPIRED,
  SNAPSHOT_NOT_FOUND,
  VISIBILITY_TOKEN_INVALID,
} from './snapshots.errors.js';
import { readProgress } from './sql/head.js';
import { UploadAnnouncements, type UploadedFile } from './upload-announcements.js';
import { VisibilityWaiter } from './visibility-waiter.js';

/** Which snapshot a query runs on. `timeoutMs` bounds the wait for `minVisibilityToken`. */
export type SnapshotSelector =
  | { readonly kind: 'latest'; readonly minVisibilityToken?: number; readonly timeoutMs?: number }
  | { readonly kind: 'id'; readonly snapshotId: number }
  | { readonly kind: 'time'; readonly at: Date };

export interface ResolvedSnapshot {
  readonly snapshotId: number;
  readonly tenantId: string;
  readonly createdAt: Date;
  /** The watermark: every acknowledged event at or below it is in. */
  readonly maxVisibilityToken: number;
  readonly sequenceNumber: number;
}

/** Is told how far a resolution has come, so that what follows need not wait for its end. */
export interface ResolutionObserver {
  /** The token is not visible yet. `snapshotId` is the latest that there is, and may have expired. */
  waiting?(snapshotId: number): void;
  /** Files that may be in the snapshot that is waited for. */
  uploaded?(files: readonly UploadedFile[]): void;
  /** The snapshot is known; whether it may still be read is not. */
  found?(snapshotId: number): void;
}

@Injectable()
export class SnapshotResolver {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(SnapshotStore) private readonly snapshots: SnapshotStore,
    @Inject(VisibilityWaiter) private readonly waiter: VisibilityWaiter,
    @Inject(UploadAnnouncements) private readonly announcements: UploadAnnouncements,
    @Inject(settingsOf('visibility')) private readonly settings: Settings['visibility'],
  ) {}

  /**
   * Rejects with SNAPSHOT_NOT_FOUND, SNAPSHOT_EXPIRED, VISIBILITY_TOKEN_INVALID or CONSISTENCY_TIMEOUT: it never
   * answers a snapshot below the token that was asked for.
   */
  async resolve(
    tenantId: string,
    selector: SnapshotSelector,
    signal?: AbortSignal,
    observer: ResolutionObserver = {},
  ): Promise<ResolvedSnapshot> {
    switch (selector.kind) {
      case 'latest':
        return this.byId(tenantId, await this.latest(tenantId, selector, signal, observer), observer);
      case 'id':
        return this.byId(tenantId, selector.snapshotId, observer);
      case 'time':
        return this.byTime(tenantId, selector.at);
    }
  }

  /** Answers the id of the latest snapshot that has the token. */
  private async latest(
    tenantId: string,
    { minVisibilityToken: minToken, timeoutMs }: SnapshotSelector & { kind: 'latest' },
    signal: AbortSignal | undefined,
    observer: ResolutionObserver,
  ): Promise<number> {
    const progress = await this.transactions.pooled((pool) => readProgress(pool, tenantId));
    if (progress === undefined) throw notFound('This tenant has no snapshots.', {});
    if (minToken === undefined || minToken <= progress.publishedToken) return progress.snapshotId;
    if (minToken > progress.lastToken) throw neverIssued(minToken, progress.lastToken);
    const limitMs = Math.min(timeoutMs ?? this.settings.timeoutMs, this.settings.maxTimeoutMs);
    const stop = this.announcements.listen(tenantId, (files) => observer.uploaded?.(files));
    const waiting = this.waiter.waitFor(tenantId, minToken, limitMs, signal).finally(stop);
    observer.waiting?.(progress.snapshotId);
    const visible = await waiting;
    if (visible === undefined) {
      throw new AppError(CONSISTENCY_TIMEOUT, `Token ${minToken} was not visible within ${limitMs} ms.`, {
        context: { min_visibility_token: minToken, consistency_timeout_ms: limitMs },
        retryAfterMs: 1000,
      });
    }
    return visible.snapshotId;
  }

  private async byId(
    tenantId: string,
    snapshotId: number,
    observer: ResolutionObserver,
  ): Promise<ResolvedSnapshot> {
    observer.found?.(snapshotId);
    const snapshot = await this.transactions.pooled((pool) =>
      this.snapshots.find(pool, tenantId, snapshotId),
    );
    return usable(snapshot, `Snapshot ${snapshotId} does not exist.`, { snapshot_id: snapshotId });
  }

  private async byTime(tenantId: string, at: Date): Promise<ResolvedSnapshot> {
    const snapshot = await this.transactions.pooled((pool) => this.snapshots.findAt(pool, tenantId, at));
    const time = at.toISOString();
    return usable(snapshot, `There was no snapshot at ${time} yet.`, { snapshot_time: time });
  }
}

function usable(
  snapshot: SnapshotEntity | null,
  missing: string,
  context: Record<string, unknown>,
): ResolvedSnapshot {
  if (snapshot === null) throw notFound(missing, context);
  const { snapshotId, tenantId, createdAt, expiredAt, maxVisibilityToken, sequenceNumber } = snapshot;
  if (expiredAt !== null) {
    throw new AppError(SNAPSHOT_EXPIRED, `Snapshot ${snapshotId} expired at ${expiredAt.toISOString()}.`, {
      context: { ...context, expired_at: expiredAt.toISOString() },
    });
  }
  return { snapshotId, tenantId, createdAt, maxVisibilityToken, sequenceNumber };
}

const notFound = (detail: string, context: Record<string, unknown>): AppError =>
  new AppError(SNAPSHOT_NOT_FOUND, detail, { context });

const neverIssued = (token: number, lastToken: number): AppError =>
  new AppError(VISIBILITY_TOKEN_INVALID, `Token ${token} was never issued; the highest is ${lastToken}.`, {
    context: { min_visibility_token: token, last_token: lastToken },
  });
