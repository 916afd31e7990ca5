import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ApiKeysController } from './api-keys.controller.js';
import { AuthGuard } from './auth.guard.js';
import { KeyUseLoop } from './key-use.loop.js';
import { MeController } from './me.controller.js';
import { TenancyModule } from './tenancy.module.js';
import { TenantsController } from './tenants.controller.js';

/** The guard of every HTTP call, and the calls that manage tenants and keys. */
@Module({
  imports: [TenancyModule],
  controllers: [TenantsController, ApiKeysController, MeController],
  providers: [{ provide: APP_GUARD, useClass: AuthGuard }, KeyUseLoop],
})
export class TenancyHttpModule {}
