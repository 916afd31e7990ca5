import { EventEmitter } from 'node:events';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Admissions } from '../../http/index.js';
import { PlatformOnly, Public, Roles } from './access.js';
import { AuthGuard } from './auth.guard.js';
import type { Authenticator } from './authenticator.js';
import { callerOf, type Identity } from './caller.js';

class Handlers {
  bare(): void {}
  @Public() open(): void {}
  @Roles('table_admin', 'ops_admin') roles(): void {}
  @PlatformOnly() platform(): void {}
}

@PlatformOnly()
class PlatformHandlers {
  inherits(): void {}
  @Roles('query_reader') overrides(): void {}
}

const caller = { tenantId: 'acme', keyId: 'aaaabbbbcccc', roles: ['ops_admin'] as const };
const PLATFORM: Identity = { kind: 'platform' };
const TENANT: Identity = { kind: 'tenant', caller };
const READER: Identity = { kind: 'tenant', caller: { ...caller, roles: ['query_reader'] } };

function request(of: typeof Handlers | typeof PlatformHandlers, method: string) {
  const raw = { headers: { authorization: 'Bearer key' } };
  const reply = { raw: new EventEmitter() };
  const admissions = new Admissions({ maxRequests: 2, maxBodyBytes: 2 });
  const handler = (of.prototype as unknown as Record<string, object>)[method] as object;
  const context = {
    getHandler: () => handler,
    getClass: () => of,
    switchToHttp: () => ({ getRequest: () => raw, getResponse: () => reply }),
  } as unknown as ExecutionContext;
  const admit = async (identity: Identity | Promise<Identity>) => {
    const authenticator = { identify: () => identity } as unknown as Authenticator;
    return new AuthGuard(new Reflector(), authenticator, admissions).canActivate(context);
  };
  return { raw, admit, admissions, end: () => reply.raw.emit('close') };
}

describe('AuthGuard', () => {
  it.each([
    ['the platform key', PLATFORM],
    ['a tenant key', TENANT],
  ])('refuses a handler without a decorator, even to %s', async (_, identity) => {
    await expect(request(Handlers, 'bare').admit(identity)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('does not look at the key of a public call', async () => {
    const { admit, raw } = request(Handlers, 'open');
    const unread = { then: () => expect(true).toBe(false) } as unknown as Promise<Identity>;
    expect(await admit(unread)).toBe(true);
    expect(callerOf(raw)).toBeUndefined();
  });

  it('admits any of the roles and remembers the caller, at once or after a look-up', async () => {
    for (const identity of [TENANT, Promise.resolve(TENANT)]) {
      const { admit, raw } = request(Handlers, 'roles');
      expect(await admit(identity)).toBe(true);
      expect(callerOf(raw)).toEqual(caller);
    }
  });

  it('counts the request for its tenant until it is over, and refuses one too many', async () => {
    const { admit, admissions, end } = request(Handlers, 'roles');
    await admit(TENANT);
    expect(admissions.held.requests).toBe(1);
    await expect(admit(TENANT)).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfterMs: 1000 });
    end();
    expect(admissions.held.requests).toBe(0);
  });

  it('names the roles that are needed', async () => {
    const { admit, raw } = request(Handlers, 'roles');
    await expect(admit(READER)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'The API key lacks the role: table_admin or ops_admin.',
      context: { required_roles: ['table_admin', 'ops_admin'], roles: ['query_reader'] },
    });
    expect(callerOf(raw)).toBeUndefined();
  });

  it('keeps platform and tenant keys apart', async () => {
    expect(await request(Handlers, 'platform').admit(PLATFORM)).toBe(true);
    await expect(request(Handlers, 'platform').admit(TENANT)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('platform key') as string,
    });
    await expect(request(Handlers, 'roles').admit(PLATFORM)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('platform key manages tenants only') as string,
    });
  });

  it("takes the class's decorator where the handler has none", async () => {
    expect(await request(PlatformHandlers, 'inherits').admit(PLATFORM)).toBe(true);
    await expect(request(PlatformHandlers, 'inherits').admit(READER)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await request(PlatformHandlers, 'overrides').admit(READER)).toBe(true);
  });
});
