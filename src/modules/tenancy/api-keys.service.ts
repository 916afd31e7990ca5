import { Inject, Injectable } from '@nestjs/common';
import { Transactions } from '../../database/index.js';
import { AppError, CLOCK, LOGGER, REQUEST_INVALID, type Clock, type Logger } from '../../kernel/index.js';
import { ApiKeyCodec, isKeyId } from './api-key-codec.js';
import { ApiKeyStore, type ApiKey } from './api-key.store.js';
import { KeyLookup } from './key-lookup.js';
import { KEY_ROLES, type KeyRole } from './roles.js';
import {
  invalidField,
  keyNotFound,
  MAX_LIVE_KEYS,
  NAME,
  TENANT_ID,
  tenantNotFound,
} from './tenancy.rules.js';
import { TenantStore } from './tenant.store.js';

export interface ApiKeyRequest {
  readonly name: string;
  readonly roles: readonly KeyRole[];
  /** In the future. Never where absent. */
  readonly expiresAt?: Date | undefined;
}

export interface IssuedKey extends ApiKey {
  /** The secret. It is not kept: this is the only time that it is seen. */
  readonly key: string;
}

@Injectable()
export class ApiKeysService {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(TenantStore) private readonly tenants: TenantStore,
    @Inject(ApiKeyStore) private readonly store: ApiKeyStore,
    @Inject(ApiKeyCodec) private readonly codec: ApiKeyCodec,
    @Inject(KeyLookup) private readonly lookup: KeyLookup,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Names need not be unique: a key and its successor may share one. Fails with NOT_FOUND or REQUEST_INVALID. */
  async create(tenantId: string, request: ApiKeyRequest): Promise<IssuedKey> {
    const roles = this.check(request);
    assertTenantId(tenantId);
    const { keyId, key, hash } = this.codec.mint();
    const stored = await this.transactions.write(async (tx) => {
      // The lock makes creations take turns, so that the count holds.
      if ((await this.tenants.lock(tx, tenantId)) === undefined) throw tenantNotFound();
      if ((await this.store.countLive(tx, tenantId)) >= MAX_LIVE_KEYS) throw tooManyKeys();
      const expiresAt = request.expiresAt ?? null;
      return this.store.insert(tx, { keyId, keyHash: hash, tenantId, name: request.name, roles, expiresAt });
    });
    this.logger.info({ tenant: tenantId, key_id: keyId, roles }, 'an API key was created');
    return { ...withoutHash(stored), key };
  }

  /**
   * Oldest first, those after the key `after`, revoked and expired ones too.
   * Fails with NOT_FOUND where there is no such tenant.
   */
  async list(tenantId: string, limit: number, after?: string): Promise<ApiKey[]> {
    assertTenantId(tenantId);
    return this.transactions.read(async (tx) => {
      if ((await this.tenants.find(tx, tenantId)) === undefined) throw tenantNotFound();
      return this.store.list(tx, tenantId, limit, after);
    });
  }

  /** Fails with NOT_FOUND, for a key of another tenant too. */
  async get(tenantId: string, keyId: string): Promise<ApiKey> {
    const key =
      TENANT_ID.test(tenantId) && isKeyId(keyId)
        ? await this.transactions.pooled((pool) => this.store.find(pool, tenantId, keyId))
        : undefined;
    if (key === undefined) throw keyNotFound();
    return key;
  }

  /** At once in this process, within `KEY_CACHE_MS` in others. Idempotent. Fails like `get`. */
  async revoke(tenantId: string, keyId: string): Promise<void> {
    if (!TENANT_ID.test(tenantId) || !isKeyId(keyId)) throw keyNotFound();
    const revoked = await this.transactions.write(async (tx) => {
      if (await this.store.revoke(tx, tenantId, keyId)) return true;
      if ((await this.store.find(tx, tenantId, keyId)) === undefined) throw keyNotFound();
      return false;
    });
    this.lookup.forget(tenantId, keyId);
    if (revoked) this.logger.info({ tenant: tenantId, key_id: keyId }, 'an API key was revoked');
  }

  /** Answers the roles, each once. */
  private check({ name, roles, expiresAt }: ApiKeyRequest): KeyRole[] {
    if (!NAME.test(name))
      throw invalidField('name', 'must have 1 to 128 characters, none a control character');
    if (roles.length === 0 || !roles.every((role) => KEY_ROLES.includes(role))) {
      throw invalidField('roles', `must name one or more of ${KEY_ROLES.join(', ')}`);
    }
    // Written so that an invalid date, which compares to nothing, is refused too.
    if (expiresAt !== undefined && !(expiresAt.getTime() > this.clock.now())) {
      throw invalidField('expires_at', 'must be a time in the future');
    }
    return KEY_ROLES.filter((role) => roles.includes(role));
  }
}

function assertTenantId(tenantId: string): void {
  if (!TENANT_ID.test(tenantId)) throw tenantNotFound();
}

function tooManyKeys(): AppError {
  return new AppError(
    REQUEST_INVALID,
    `The tenant has ${MAX_LIVE_KEYS} live API keys, which is the limit. Revoke one first.`,
    { context: { max_live_keys: MAX_LIVE_KEYS } },
  );
}

function withoutHash({
  keyId,
  tenantId,
  name,
  roles,
  createdAt,
  expiresAt,
  revokedAt,
  lastUsedAt,
}: ApiKey): ApiKey {
  return { keyId, tenantId, name, roles, createdAt, expiresAt, revokedAt, lastUsedAt };
}
