import { Module } from '@nestjs/common';
import { ApiKeyCodec } from './api-key-codec.js';
import { ApiKeyStore } from './api-key.store.js';
import { ApiKeysService } from './api-keys.service.js';
import { Authenticator } from './authenticator.js';
import { KeyLookup } from './key-lookup.js';
import { KeyUses } from './key-uses.js';
import { PendingLimit } from './pending-limit.js';
import { TenantStore } from './tenant.store.js';
import { TenantsService } from './tenants.service.js';

/** Tenants, their API keys and who a request's key belongs to. Runs nothing by itself. */
@Module({
  providers: [
    ApiKeyCodec,
    ApiKeysService,
    ApiKeyStore,
    Authenticator,
    KeyLookup,
    KeyUses,
    PendingLimit,
    TenantsService,
    TenantStore,
  ],
  exports: [ApiKeysService, Authenticator, KeyUses, PendingLimit, TenantsService],
})
export class TenancyModule {}
