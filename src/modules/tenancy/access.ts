import {
  createParamDecorator,
  SetMetadata,
  type CustomDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import { callerOf, type CallerIdentity } from './caller.js';
import type { KeyRole } from './roles.js';

export type Access =
  | { readonly kind: 'public' }
  | { readonly kind: 'platform' }
  | { readonly kind: 'roles'; readonly roles: readonly KeyRole[] };

export const ACCESS = 'tidemark:access';

const access = (value: Access): CustomDecorator => SetMetadata(ACCESS, value);

/** Open to anyone, without a key. */
export const Public = (): CustomDecorator => access({ kind: 'public' });

/** Open to keys that hold any of the roles. */
export const Roles = (...roles: [KeyRole, ...KeyRole[]]): CustomDecorator => access({ kind: 'roles', roles });

/** Open to the platform key only. */
export const PlatformOnly = (): CustomDecorator => access({ kind: 'platform' });

/** The `CallerIdentity` of a call that `@Roles` guards. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): CallerIdentity => {
  const caller = callerOf(context.switchToHttp().getRequest<object>());
  if (caller === undefined) throw new Error('@Caller() is for handlers with @Roles()');
  return caller;
});
