import { ApiKeyEntity } from './api-key.entity.js';
import { TenantQuotaEntity } from './tenant-quota.entity.js';
import { TenantEntity } from './tenant.entity.js';

export { Caller, PlatformOnly, Public, Roles } from './access.js';
export { type ApiKey } from './api-key.store.js';
export { ApiKeysService, type ApiKeyRequest, type IssuedKey } from './api-keys.service.js';
export { callerOf, type CallerIdentity } from './caller.js';
export { PendingLimit } from './pending-limit.js';
export { KEY_ROLES, type KeyRole } from './roles.js';
export { raiseCatalogEpoch } from './sql/raise-catalog-epoch.js';
export { FORBIDDEN, TENANT_ALREADY_EXISTS, UNAUTHENTICATED } from './tenancy.errors.js';
export { TenancyHttpModule } from './tenancy.http.module.js';
export { TenancyModule } from './tenancy.module.js';
export { type TenantStatus } from './tenant.entity.js';
export { type Tenant } from './tenant.store.js';
export { TenantsService, type NewTenant, type TenantChanges } from './tenants.service.js';

/** For the data source. */
export const TENANCY_ENTITIES = [TenantEntity, TenantQuotaEntity, ApiKeyEntity];
