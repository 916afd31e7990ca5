import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import type { Tx } from '../../database/index.js';
import { TenantEntity, type TenantStatus } from './tenant.entity.js';

export interface Tenant {
  readonly tenantId: string;
  readonly name: string;
  readonly status: TenantStatus;
  readonly createdAt: Date;
}

@Injectable()
export class TenantStore {
  /** Fails with a unique violation where the id is taken. */
  async insert(tx: Tx, tenant: { tenantId: string; name: string }): Promise<Tenant> {
    const row = tx.create(TenantEntity, { ...tenant, status: 'active' });
    await tx.insert(TenantEntity, row);
    return row;
  }

  async find(tx: Tx, tenantId: string): Promise<Tenant | undefined> {
    return (await tx.findOneBy(TenantEntity, { tenantId })) ?? undefined;
  }

  /** The same, and holds the row against other changes of the tenant and its keys; readers are not held up. */
  async lock(tx: Tx, tenantId: string): Promise<Tenant | undefined> {
    const lock = { mode: 'for_no_key_update' } as const;
    return (await tx.findOne(TenantEntity, { where: { tenantId }, lock })) ?? undefined;
  }

  /** Ordered by id, those after `after`. */
  async list(tx: Tx, limit: number, after: string | undefined): Promise<Tenant[]> {
    return tx.find(TenantEntity, {
      where: after === undefined ? {} : { tenantId: MoreThan(after) },
      order: { tenantId: 'ASC' },
      take: limit,
    });
  }

  async update(tx: Tx, tenantId: string, changes: { name: string; status: TenantStatus }): Promise<void> {
    await tx.update(TenantEntity, { tenantId }, changes);
  }
}
