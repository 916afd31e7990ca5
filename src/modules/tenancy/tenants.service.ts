import { Inject, Injectable } from '@nestjs/common';
import { Notifications, SQLSTATE, sqlStateOf, Transactions } from '../../database/index.js';
import { AppError, LOGGER, type Logger } from '../../kernel/index.js';
import { KeyLookup } from './key-lookup.js';
import { createTenantRows } from './sql/create-tenant-rows.js';
import { raiseCatalogEpoch } from './sql/raise-catalog-epoch.js';
import { TENANT_ALREADY_EXISTS } from './tenancy.errors.js';
import { invalidField, NAME, TENANT_ID, tenantNotFound } from './tenancy.rules.js';
import type { TenantStatus } from './tenant.entity.js';
import { TenantStore, type Tenant } from './tenant.store.js';

export interface NewTenant {
  /** `[a-z][a-z0-9-]{0,62}`, for the life of the tenant. */
  readonly tenantId: string;
  /** For people. The id where absent. */
  readonly name?: string | undefined;
}

export interface TenantChanges {
  readonly name?: string | undefined;
  readonly status?: TenantStatus | undefined;
}

@Injectable()
export class TenantsService {
  constructor(
    @Inject(Transactions) private readonly transactions: Transactions,
    @Inject(TenantStore) private readonly store: TenantStore,
    @Inject(KeyLookup) private readonly keys: KeyLookup,
    @Inject(Notifications) private readonly notifications: Notifications,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Makes the tenant with its clock, an empty snapshot and its head. Fails with TENANT_ALREADY_EXISTS. */
  async create({ tenantId, name = tenantId }: NewTenant): Promise<Tenant> {
    if (!TENANT_ID.test(tenantId)) throw invalidField('tenant_id', `must match ${TENANT_ID.source}`);
    assertName(name);
    try {
      return await this.transactions.write(async (tx) => {
        const tenant = await this.store.insert(tx, { tenantId, name });
        await createTenantRows(tx, tenantId);
        return tenant;
      });
    } catch (error) {
      if (sqlStateOf(error) !== SQLSTATE.uniqueViolation) throw error;
      throw new AppError(TENANT_ALREADY_EXISTS, `There is a tenant "${tenantId}" already.`, {
        context: { tenant_id: tenantId },
        cause: error,
      });
    }
  }

  /** Fails with NOT_FOUND. Disabled tenants are found too. */
  async get(tenantId: string): Promise<Tenant> {
    const tenant = TENANT_ID.test(tenantId)
      ? await this.transactions.pooled((pool) => this.store.find(pool, tenantId))
      : undefined;
    if (tenant === undefined) throw tenantNotFound();
    return tenant;
  }

  /** In the order of the ids, those after `after`. */
  async list(limit: number, after?: string): Promise<Tenant[]> {
    return this.transactions.pooled((pool) => this.store.list(pool, limit, after));
  }

  /**
   * Changes name and status. A change of status raises the catalog epoch in the same transaction, so that what was
   * validated before it is validated again.
   */
  async update(tenantId: string, changes: TenantChanges): Promise<Tenant> {
    if (!TENANT_ID.test(tenantId)) throw tenantNotFound();
    if (changes.name !== undefined) assertName(changes.name);
    const { tenant, epoch } = await this.transactions.write(async (tx) => {
      const before = await this.store.lock(tx, tenantId);
      if (before === undefined) throw tenantNotFound();
      const name = changes.name ?? before.name;
      const status = changes.status ?? before.status;
      await this.store.update(tx, tenantId, { name, status });
      const raised = status === before.status ? undefined : await raiseCatalogEpoch(tx, tenantId);
      return { tenant: { ...before, name, status }, epoch: raised };
    });
    if (epoch !== undefined) {
      this.keys.forget(tenantId);
      this.notifications.notify('tidemark_catalog', `${tenantId}:${epoch}`);
      this.logger.info({ tenant: tenantId, status: tenant.status }, 'the status of a tenant was changed');
    }
    return tenant;
  }

  /** Refuses the tenant's keys from now on; what was acknowledged is still published. Idempotent. */
  async disable(tenantId: string): Promise<Tenant> {
    return this.update(tenantId, { status: 'disabled' });
  }
}

function assertName(name: string): void {
  if (!NAME.test(name)) throw invalidField('name', 'must have 1 to 128 characters, none a control character');
}
