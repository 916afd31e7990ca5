import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Transactions } from '../../database/index.js';
import { CLOCK, type Clock } from '../../kernel/index.js';
import { ApiKeyCodec } from './api-key-codec.js';
import { ApiKeyStore } from './api-key.store.js';
import type { CallerIdentity } from './caller.js';

export interface LiveKey {
  readonly kind: 'live';
  readonly caller: CallerIdentity;
  /** Milliseconds since the epoch. The reader compares: a key may expire while it is cached. */
  readonly expiresAtMs: number;
  readonly tenantDisabled: boolean;
}

export type LookedUpKey = LiveKey | { readonly kind: 'revoked' } | { readonly kind: 'unknown' };

/** How long a revocation, or the disabling of a tenant, may take to reach another process. */
export const KEY_CACHE_MS = 5_000;
const MAX_LIVE = 10_000;
const MAX_DEAD = 10_000;

/**
 * Finds keys by their hash, in memory where they were looked up in the last `KEY_CACHE_MS`.
 * Look-ups of the same key at the same time share one query. Dead keys have a cache of their own, so that they
 * cannot push live ones out.
 */
@Injectable()
export class KeyLookup {
  private readonly live: LRUCache<string, LiveKey>;
  private readonly dead: LRUCache<string, LookedUpKey>;
  private readonly underWay = new Map<string, Promise<LookedUpKey>>();
  /** Raised by `forget`, so that a look-up that began before it is not kept. */
  private forgotten = 0;

  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(ApiKeyStore) private readonly store: ApiKeyStore,
    @Inject(ApiKeyCodec) private readonly codec: ApiKeyCodec,
    @Inject(CLOCK) clock: Clock,
  ) {
    const options = { ttl: KEY_CACHE_MS, ttlResolution: 0, perf: { now: () => clock.now() } };
    this.live = new LRUCache({ ...options, max: MAX_LIVE });
    this.dead = new LRUCache({ ...options, max: MAX_DEAD });
  }

  /** Answers at once what is cached. Rejects with DEPENDENCY_UNAVAILABLE where the database is away. */
  find(key: string, hash: Buffer): LookedUpKey | Promise<LookedUpKey> {
    const cacheKey = hash.toString('latin1');
    const cached = this.live.get(cacheKey) ?? this.dead.get(cacheKey);
    if (cached !== undefined) return cached;
    const keyId = this.codec.keyIdOf(key);
    if (keyId === undefined) return { kind: 'unknown' };
    const shared = this.underWay.get(cacheKey);
    if (shared !== undefined) return shared;
    const lookup = this.lookUp(keyId, hash, cacheKey).finally(() => {
      if (this.underWay.get(cacheKey) === lookup) this.underWay.delete(cacheKey);
    });
    this.underWay.set(cacheKey, lookup);
    return lookup;
  }

  /** Drops what is cached of a tenant, or of one of its keys, in this process. Call it after the commit. */
  forget(tenantId: string, keyId?: string): void {
    this.forgotten += 1;
    this.underWay.clear();
    for (const [cacheKey, { caller }] of this.live.entries()) {
      if (caller.tenantId === tenantId && (keyId ?? caller.keyId) === caller.keyId)
        this.live.delete(cacheKey);
    }
  }

  private async lookUp(keyId: string, hash: Buffer, cacheKey: string): Promise<LookedUpKey> {
    const startedAt = this.forgotten;
    const found = await this.read(keyId, hash);
    if (startedAt === this.forgotten) {
      if (found.kind === 'live') this.live.set(cacheKey, found);
      else this.dead.set(cacheKey, found);
    }
    return found;
  }

  private async read(keyId: string, hash: Buffer): Promise<LookedUpKey> {
    const stored = await this.transactions.pooled((pool) => this.store.findForLookUp(pool, keyId));
    if (stored === undefined || !timingSafeEqual(stored.keyHash, hash)) return { kind: 'unknown' };
    if (stored.revokedAt !== null) return { kind: 'revoked' };
    return {
      kind: 'live',
      caller: { tenantId: stored.tenantId, keyId, roles: stored.roles },
      expiresAtMs: stored.expiresAt?.getTime() ?? Infinity,
      tenantDisabled: stored.tenantStatus === 'disabled',
    };
  }
}
