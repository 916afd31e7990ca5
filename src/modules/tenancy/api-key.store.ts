import { Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import { query, sql, type Tx } from '../../database/index.js';
import { ApiKeyEntity } from './api-key.entity.js';
import type { KeyRole } from './roles.js';
import type { TenantStatus } from './tenant.entity.js';

/** What is told of a key; neither the key nor its hash. */
export interface ApiKey {
  readonly keyId: string;
  readonly tenantId: string;
  readonly name: string;
  readonly roles: readonly KeyRole[];
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

export interface NewApiKey {
  readonly keyId: string;
  readonly keyHash: Buffer;
  readonly tenantId: string;
  readonly name: string;
  readonly roles: readonly KeyRole[];
  readonly expiresAt: Date | null;
}

/** What authentication needs of a key and its tenant. */
export interface StoredKey {
  readonly tenantId: string;
  readonly keyHash: Buffer;
  readonly roles: readonly KeyRole[];
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly tenantStatus: TenantStatus;
}

@Injectable()
export class ApiKeyStore {
  async insert(tx: Tx, key: NewApiKey): Promise<ApiKey> {
    const row = tx.create(ApiKeyEntity, { ...key, roles: [...key.roles], revokedAt: null, lastUsedAt: null });
    await tx.insert(ApiKeyEntity, row);
    return row;
  }

  async find(tx: Tx, tenantId: string, keyId: string): Promise<ApiKey | undefined> {
    return (await tx.findOneBy(ApiKeyEntity, { tenantId, keyId })) ?? undefined;
  }

  async findForLookUp(tx: Tx, keyId: string): Promise<StoredKey | undefined> {
    const [row] = await query<StoredKey>(
      tx,
      sql`SELECT k.tenant_id AS "tenantId", k.key_hash AS "keyHash", k.roles, k.expires_at AS "expiresAt",
                 k.revoked_at AS "revokedAt", t.status AS "tenantStatus"
          FROM api_key k JOIN tenant t USING (tenant_id) WHERE k.key_id = ${keyId}`,
    );
    return row;
  }

  /** Keys that are neither revoked nor expired, by the database's clock. */
  async countLive(tx: Tx, tenantId: string): Promise<number> {
    return tx
      .createQueryBuilder(ApiKeyEntity, 'key')
      .where({ tenantId, revokedAt: IsNull() })
      .andWhere('(key.expires_at IS NULL OR key.expires_at > now())')
      .getCount();
  }

  /** In the order of creation, those after the key `after`; revoked and expired ones too. */
  async list(tx: Tx, tenantId: string, limit: number, after: string | undefined): Promise<ApiKey[]> {
    const keys = tx.createQueryBuilder(ApiKeyEntity, 'key').where({ tenantId });
    if (after !== undefined) {
      // The row and not its time: a JavaScript date would cut the microseconds off.
      keys.andWhere(
        `(key.created_at, key.key_id) > (SELECT k.created_at, k.key_id FROM api_key k
           WHERE k.tenant_id = :tenantId AND k.key_id = :after)`,
        { tenantId, after },
      );
    }
    return keys.orderBy('key.createdAt').addOrderBy('key.keyId').limit(limit).getMany();
  }

  /** True when the key was live until now. */
  async revoke(tx: Tx, tenantId: string, keyId: string): Promise<boolean> {
    const result = await tx.update(
      ApiKeyEntity,
      { tenantId, keyId, revokedAt: IsNull() },
      { revokedAt: () => 'clock_timestamp()' },
    );
    return (result.affected ?? 0) > 0;
  }
}
