import type { KeyRole } from './roles.js';

/** Who calls: the key and the tenant that it belongs to. */
export interface CallerIdentity {
  readonly tenantId: string;
  readonly keyId: string;
  readonly roles: readonly KeyRole[];
}

/** What the `Authorization` header proved. */
export type Identity =
  { readonly kind: 'platform' } | { readonly kind: 'tenant'; readonly caller: CallerIdentity };

const CALLER = Symbol('caller');

interface WithCaller {
  [CALLER]?: CallerIdentity;
}

export function rememberCaller(request: object, caller: CallerIdentity): void {
  (request as WithCaller)[CALLER] = caller;
}

/** Whom the guard let in with this request; undefined on public and platform calls. */
export function callerOf(request: object): CallerIdentity | undefined {
  return (request as WithCaller)[CALLER];
}
