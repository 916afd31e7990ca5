import { jest } from '@jest/globals';
import type { Settings } from '../../config/index.js';
import { ApiKeyCodec } from './api-key-codec.js';
import { Authenticator } from './authenticator.js';
import type { KeyLookup, LookedUpKey } from './key-lookup.js';
import type { KeyUses } from './key-uses.js';

const NOW = 1_800_000_000_000;
const PLATFORM_KEY = 'platform-key-0123456789';
const caller = { tenantId: 'acme', keyId: 'aaaabbbbcccc', roles: ['query_reader'] as const };
const live = (changes: object = {}): LookedUpKey => ({
  kind: 'live',
  caller,
  expiresAtMs: Infinity,
  tenantDisabled: false,
  ...changes,
});

function setUp(
  found: LookedUpKey | Promise<LookedUpKey> = live(),
  settings: Settings['tenancy'] = { keyPepper: 'a pepper for the tests', platformKey: PLATFORM_KEY },
) {
  const codec = new ApiKeyCodec(settings);
  const hash = jest.spyOn(codec, 'hash');
  const find = jest.fn((_key: string, _hash: Buffer) => found);
  const record = jest.fn((_keyId: string) => undefined);
  const authenticator = new Authenticator(
    settings,
    codec,
    { find } as unknown as KeyLookup,
    { record } as unknown as KeyUses,
    { now: () => NOW, sleep: () => Promise.resolve() },
  );
  hash.mockClear();
  const identify = async (header: string | undefined) => authenticator.identify(header);
  return { authenticator, identify, find, record, hash };
}

describe('Authenticator', () => {
  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic abc', 'tm_abc', 'Bearer a b', 'Bearera'])(
    'refuses the header %j without a look-up',
    async (header) => {
      const { identify, find } = setUp();
      await expect(identify(header)).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
        message: 'Send the API key as `Authorization: Bearer <key>`.',
      });
      expect(find).not.toHaveBeenCalled();
    },
  );

  it.each(['Bearer key', 'bearer key', 'BEARER   key  '])('reads the key of %j', async (header) => {
    const { identify, find } = setUp();
    expect(await identify(header)).toEqual({ kind: 'tenant', caller });
    expect(find.mock.calls[0]?.[0]).toBe('key');
  });

  it('answers a cached key at once, with one hash, and notes its use', () => {
    const { authenticator, hash, record } = setUp();
    expect(authenticator.identify('Bearer key')).toEqual({ kind: 'tenant', caller });
    expect(hash).toHaveBeenCalledTimes(1);
    expect(record).toHaveBeenCalledWith('aaaabbbbcccc');
  });

  it('knows the platform key before any look-up', async () => {
    const { identify, find, record } = setUp();
    expect(await identify(`Bearer ${PLATFORM_KEY}`)).toEqual({ kind: 'platform' });
    expect(find).not.toHaveBeenCalled();
    expect(record).not.toHaveBeenCalled();
    expect(await identify(`Bearer ${PLATFORM_KEY}x`)).toEqual({ kind: 'tenant', caller });
  });

  it('has no platform key where none is set', async () => {
    const { identify } = setUp({ kind: 'unknown' }, { keyPepper: 'pepper', platformKey: undefined });
    await expect(identify('Bearer undefined')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it.each([
    ['unknown', { kind: 'unknown' }, 'UNAUTHENTICATED', 'The API key is not valid.'],
    ['revoked', { kind: 'revoked' }, 'UNAUTHENTICATED', 'The API key was revoked.'],
    ['expired while cached', live({ expiresAtMs: NOW }), 'UNAUTHENTICATED', 'The API key has expired.'],
    ['of a disabled tenant', live({ tenantDisabled: true }), 'FORBIDDEN', 'The tenant is disabled.'],
  ] as [string, LookedUpKey, string, string][])(
    'refuses a key that is %s',
    async (_, found, code, message) => {
      for (const answer of [found, Promise.resolve(found)]) {
        const { identify, record } = setUp(answer);
        await expect(identify('Bearer key')).rejects.toMatchObject({ code, message });
        expect(record).not.toHaveBeenCalled();
      }
    },
  );

  it('refuses a very long key before it costs a hash', async () => {
    const { identify, hash } = setUp();
    await expect(identify(`Bearer ${'x'.repeat(513)}`)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
      message: 'The API key is not valid.',
    });
    expect(hash).not.toHaveBeenCalled();
  });
});
