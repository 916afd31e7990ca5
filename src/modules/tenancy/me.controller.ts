import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Caller, Roles } from './access.js';
import { ApiKeysService } from './api-keys.service.js';
import type { CallerIdentity } from './caller.js';
import { MeDto, NO_LIMITS } from './me.dto.js';
import { PendingLimit } from './pending-limit.js';
import { KEY_ROLES } from './roles.js';
import { TenantsService } from './tenants.service.js';

@ApiTags('me')
@Controller('v1/me')
export class MeController {
  constructor(
    @Inject(TenantsService) private readonly tenants: TenantsService,
    @Inject(ApiKeysService) private readonly keys: ApiKeysService,
    @Inject(PendingLimit) private readonly pendingLimit: PendingLimit,
  ) {}

  @Get()
  @Roles(...KEY_ROLES)
  @ApiOperation({ operationId: 'getMe', summary: 'Whose key this is and what it may do' })
  @ApiOkResponse({ type: MeDto })
  async get(@Caller() { tenantId, keyId, roles }: CallerIdentity): Promise<MeDto> {
    const [tenant, key, { pending, max }] = await Promise.all([
      this.tenants.get(tenantId),
      this.keys.get(tenantId, keyId),
      this.pendingLimit.current(tenantId),
    ]);
    return {
      tenant: { tenant_id: tenantId, name: tenant.name },
      key: {
        key_id: keyId,
        name: key.name,
        created_at: key.createdAt.toISOString(),
        expires_at: key.expiresAt?.toISOString() ?? null,
      },
      roles: [...roles],
      limits: { ...NO_LIMITS, pending_events: max },
      left: { pending_events: Math.max(0, max - pending) },
    };
  }
}
