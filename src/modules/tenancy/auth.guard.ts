import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../kernel/index.js';
import { Admissions } from '../../http/index.js';
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
    @Inject(Admissions) private readonly admissions: Admissions,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (access === undefined) throw new AppError(FORBIDDEN, 'This call is open to nobody.');
    if (access.kind === 'public') return true;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const identity = this.authenticator.identify(request.headers.authorization);
    const admit = (known: Identity): true => {
      const owner = permit(request, access, known);
      const { raw } = http.getResponse<FastifyReply>();
      this.admissions.admit(request, owner, (release) => raw.once('close', release));
      return true;
    };
    return identity instanceof Promise ? identity.then(admit) : admit(identity);
  }
}

/** Who the requests of the platform key count for; no tenant has that id. */
const PLATFORM_OWNER = 'PLATFORM';

/** Answers for whom the request counts. */
function permit(request: object, access: Exclude<Access, { kind: 'public' }>, identity: Identity): string {
  if (access.kind === 'platform') {
    if (identity.kind === 'platform') return PLATFORM_OWNER;
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
  return caller.tenantId;
}
