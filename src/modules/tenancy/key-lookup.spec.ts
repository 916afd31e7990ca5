import { jest } from '@jest/globals';
import type { Transactions } from '../../database/index.js';
import { AppError, DEPENDENCY_UNAVAILABLE } from '../../kernel/index.js';
import { ApiKeyCodec } from './api-key-codec.js';
import type { ApiKeyStore, StoredKey } from './api-key.store.js';
import { KEY_CACHE_MS, KeyLookup } from './key-lookup.js';

const codec = new ApiKeyCodec({ keyPepper: 'a pepper for the tests', platformKey: undefined });

function setUp() {
  const time = { now: 1_800_000_000_000 };
  const stored = new Map<string, StoredKey>();
  const findForLookUp = jest.fn((_pool: unknown, keyId: string) => Promise.resolve(stored.get(keyId)));
  const transactions = { pooled: <T>(work: (pool: object) => Promise<T>) => work({}) };
  const lookup = new KeyLookup(
    transactions as unknown as Transactions,
    { findForLookUp } as unknown as ApiKeyStore,
    codec,
    { now: () => time.now, sleep: () => Promise.resolve() },
  );
  const issue = (changes: Partial<StoredKey> = {}) => {
    const minted = codec.mint();
    stored.set(minted.keyId, {
      tenantId: 'acme',
      keyHash: minted.hash,
      roles: ['query_reader'],
      expiresAt: null,
      revokedAt: null,
      tenantStatus: 'active',
      ...changes,
    });
    return minted;
  };
  const find = (key: string) => lookup.find(key, codec.hash(key));
  return { time, stored, findForLookUp, lookup, issue, find };
}

describe('KeyLookup', () => {
  it('answers a key that was looked up without another query, until its time is over', async () => {
    const { time, findForLookUp, issue, find } = setUp();
    const { key, keyId } = issue();
    const first = await find(key);
    expect(first).toMatchObject({
      kind: 'live',
      caller: { tenantId: 'acme', keyId, roles: ['query_reader'] },
    });
    time.now += KEY_CACHE_MS - 1;
    expect(find(key)).toBe(first);
    expect(findForLookUp).toHaveBeenCalledTimes(1);
    time.now += 2;
    await find(key);
    expect(findForLookUp).toHaveBeenCalledTimes(2);
  });

  it('shares one query between look-ups of one key', async () => {
    const { findForLookUp, issue, find } = setUp();
    const { key } = issue();
    const answers = await Promise.all(Array.from({ length: 20 }, async () => find(key)));
    expect(new Set(answers).size).toBe(1);
    expect(findForLookUp).toHaveBeenCalledTimes(1);
  });

  it('refuses made-up keys without a query', async () => {
    const { findForLookUp, find } = setUp();
    const madeUp = `tm_${'a'.repeat(12)}_${'b'.repeat(39)}`;
    expect(await find(madeUp)).toEqual({ kind: 'unknown' });
    expect(findForLookUp).not.toHaveBeenCalled();
  });

  it('remembers that a key is revoked or gone', async () => {
    const { time, findForLookUp, issue, find } = setUp();
    const revoked = issue({ revokedAt: new Date() });
    const gone = codec.mint();
    for (let round = 0; round < 3; round += 1) {
      expect(await find(revoked.key)).toEqual({ kind: 'revoked' });
      expect(await find(gone.key)).toEqual({ kind: 'unknown' });
    }
    expect(findForLookUp).toHaveBeenCalledTimes(2);
    time.now += KEY_CACHE_MS + 1;
    await find(gone.key);
    expect(findForLookUp).toHaveBeenCalledTimes(3);
  });

  it('does not take a key whose hash is another, whatever its id', async () => {
    const { issue, find } = setUp();
    const { key } = issue({ keyHash: codec.mint().hash, revokedAt: new Date() });
    expect(await find(key)).toEqual({ kind: 'unknown' });
  });

  it('forgets a key, or all keys of a tenant', async () => {
    const { findForLookUp, lookup, issue, find } = setUp();
    const [one, two, other] = [issue(), issue(), issue({ tenantId: 'other' })];
    for (const { key } of [one, two, other]) await find(key);
    lookup.forget('acme', one.keyId);
    for (const { key } of [one, two, other]) await find(key);
    expect(findForLookUp).toHaveBeenCalledTimes(4);
    lookup.forget('acme');
    for (const { key } of [one, two, other]) await find(key);
    expect(findForLookUp).toHaveBeenCalledTimes(6);
  });

  it('does not keep what was read before a forget', async () => {
    const { stored, lookup, issue, find } = setUp();
    const { key, keyId } = issue();
    const before = find(key);
    stored.set(keyId, { ...(stored.get(keyId) as StoredKey), revokedAt: new Date() });
    lookup.forget('acme', keyId);
    expect(await before).toMatchObject({ kind: 'live' });
    expect(await find(key)).toEqual({ kind: 'revoked' });
  });

  it('passes on that the database is away, keeps nothing of it, and still answers what is cached', async () => {
    const { findForLookUp, issue, find } = setUp();
    const [cached, other] = [issue(), issue()];
    await find(cached.key);
    findForLookUp.mockRejectedValueOnce(new AppError(DEPENDENCY_UNAVAILABLE, 'away'));
    await expect(find(other.key)).rejects.toMatchObject({ code: 'DEPENDENCY_UNAVAILABLE' });
    expect(find(cached.key)).toMatchObject({ kind: 'live' });
    expect(await find(other.key)).toMatchObject({ kind: 'live' });
  });
});
