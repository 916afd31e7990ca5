import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../kernel/index.js';
import { ACCESS, type Access } from './access.js';
import { Authenticator } from './authenticator.js';
import { rememberCaller, type Identity } from './caller.js';
import { FORBIDDEN } from './tenancy.errors.js';

/** Lets in whom a handler's `@Public`, `@Roles` or `@PlatformOnly` names, and nobody where it has none of them. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (access === undefined) throw new AppError(FORBIDDEN, 'This call is open to nobody.');
    if (access.kind === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const identity = this.authenticator.identify(request.headers.authorization);
    return identity instanceof Promise
      ? identity.then((late) => admit(request, access, late))
      : admit(request, access, identity);
  }
}

function admit(request: object, access: Exclude<Access, { kind: 'public' }>, identity: Identity): true {
  if (access.kind === 'platform') {
    if (identity.kind === 'platform') return true;
    throw new AppError(FORBIDDEN, 'This call takes the platform key, not the API key of a tenant.');
  }
  if (identity.kind === 'platform') {
    throw new AppError(
      FORBIDDEN,
      'The platform key manages tenants only. Use an API key of the tenant here.',
    );
  }
  const { caller } = identity;
  if (!access.roles.some((role) => caller.roles.includes(role))) {
    throw new AppError(FORBIDDEN, `The API key lacks the role: ${access.roles.join(' or ')}.`, {
      context: { required_roles: access.roles, roles: caller.roles },
    });
  }
  rememberCaller(request, caller);
  return true;
}
