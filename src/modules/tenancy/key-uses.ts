import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Transactions } from '../../database/index.js';
import { CLOCK, type Clock } from '../../kernel/index.js';
import { recordKeyUses } from './sql/record-key-uses.js';

/** A key's use is written down at most this often. */
const RECORD_EVERY_MS = 60_000;
const MAX_REMEMBERED = 10_000;

/** Gathers which keys are in use, to be written by `flush` away from the requests. */
@Injectable()
export class KeyUses {
  private readonly recordedAt = new LRUCache<string, number>({ max: MAX_REMEMBERED });
  private pending = new Map<string, number>();

  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  record(keyId: string): void {
    const now = this.clock.now();
    const before = this.recordedAt.get(keyId);
    if (before !== undefined && now - before < RECORD_EVERY_MS) return;
    this.recordedAt.set(keyId, now);
    this.pending.set(keyId, now);
  }

  /** Writes what was gathered. Where that fails it is kept for the next time, and the call rejects. */
  async flush(): Promise<void> {
    if (this.pending.size === 0) return;
    const batch = this.pending;
    this.pending = new Map();
    const now = this.clock.now();
    const uses = [...batch].map(([keyId, usedAt]) => ({ keyId, agoMs: Math.max(0, now - usedAt) }));
    try {
      await this.transactions.pooled((pool) => recordKeyUses(pool, uses));
    } catch (error) {
      this.pending = new Map([...batch, ...this.pending]);
      throw error;
    }
  }
}
