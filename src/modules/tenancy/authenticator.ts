import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { settingsOf, type Settings } from '../../config/index.js';
import { AppError, CLOCK, type Clock } from '../../kernel/index.js';
import { ApiKeyCodec } from './api-key-codec.js';
import type { Identity } from './caller.js';
import { KeyLookup, type LookedUpKey } from './key-lookup.js';
import { KeyUses } from './key-uses.js';
import { FORBIDDEN, UNAUTHENTICATED } from './tenancy.errors.js';

/** Longer ones are refused before they cost a hash. */
const MAX_KEY_LENGTH = 512;
const BEARER = /^bearer +(\S+) *$/i;
const PLATFORM: Identity = { kind: 'platform' };

/** Tells whose key a request carries. One HMAC a request, and no query where the key is cached. */
@Injectable()
export class Authenticator {
  private readonly platformHash: Buffer | undefined;

  constructor(
    @Inject(settingsOf('tenancy')) settings: Settings['tenancy'],
    @Inject(ApiKeyCodec) private readonly codec: ApiKeyCodec,
    @Inject(KeyLookup) private readonly keys: KeyLookup,
    @Inject(KeyUses) private readonly uses: KeyUses,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.platformHash = settings.platformKey === undefined ? undefined : codec.hash(settings.platformKey);
  }

  /** Throws, or rejects, with UNAUTHENTICATED, FORBIDDEN (disabled tenant) or DEPENDENCY_UNAVAILABLE. */
  identify(authorization: string | undefined): Identity | Promise<Identity> {
    const key = BEARER.exec(authorization ?? '')?.[1];
    if (key === undefined) throw unauthenticated('Send the API key as `Authorization: Bearer <key>`.');
    if (key.length > MAX_KEY_LENGTH) throw unknownKey();
    const hash = this.codec.hash(key);
    if (this.platformHash !== undefined && timingSafeEqual(hash, this.platformHash)) return PLATFORM;
    const found = this.keys.find(key, hash);
    return found instanceof Promise ? found.then((late) => this.judge(late)) : this.judge(found);
  }

  private judge(found: LookedUpKey): Identity {
    if (found.kind === 'unknown') throw unknownKey();
    // The secret matched from here on: its owner may know more.
    if (found.kind === 'revoked') throw unauthenticated('The API key was revoked.');
    if (found.expiresAtMs <= this.clock.now()) throw unauthenticated('The API key has expired.');
    if (found.tenantDisabled) throw new AppError(FORBIDDEN, 'The tenant is disabled.');
    this.uses.record(found.caller.keyId);
    return { kind: 'tenant', caller: found.caller };
  }
}

const unauthenticated = (detail: string) => new AppError(UNAUTHENTICATED, detail);
const unknownKey = () => unauthenticated('The API key is not valid.');
