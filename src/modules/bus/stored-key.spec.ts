import fc from 'fast-check';
import { coveredHash, coveredKey, storedKey } from './stored-key.js';

describe('storedKey', () => {
  // It can never change inside a window: what is in a ledger must be found by the next version.
  it('keeps its form', () => {
    expect(storedKey(7, 'record', 'order-1000042')).toBe('180373f556ac7d8a939a180d08b21055');
    expect(storedKey(7, 'request', 'order-1000042')).toBe('180373f5a795048b395ed54ca795c881');
    expect(storedKey(7, 'record', '🜁')).toBe('811c9dc52c44989635f22ce6f71cbc3d');
  });

  it('is 128 bits in hex for any key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 512 }), fc.nat(), (key, table) => {
        expect(storedKey(table, 'record', key)).toMatch(/^[0-9a-f]{32}$/);
      }),
    );
  });

  it('shares its first half among keys that differ in their last four characters', () => {
    const prefixes = new Set(
      Array.from({ length: 10_000 }, (_, n) => storedKey(1, 'record', `order-${10_000 + n}`).slice(0, 8)),
    );
    expect(prefixes.size).toBe(1);
    expect(storedKey(1, 'record', 'order-20000').slice(0, 8)).not.toBe(
      storedKey(1, 'record', 'orders-20000').slice(0, 8),
    );
  });

  it('tells keys, tables and kinds apart', () => {
    const identity = fc.record({
      table: fc.integer({ min: 1, max: 30 }),
      kind: fc.constantFrom('record' as const, 'request' as const),
      key: fc.string({ minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(identity, identity, (a, b) => {
        const same = a.table === b.table && a.kind === b.kind && a.key === b.key;
        expect(storedKey(a.table, a.kind, a.key) === storedKey(b.table, b.kind, b.key)).toBe(same);
      }),
    );
  });

  it('tells long keys apart wherever they differ', () => {
    const long = 'x'.repeat(512);
    const keys = [long, ...Array.from(long, (_, at) => `${long.slice(0, at)}y${long.slice(at + 1)}`)];
    expect(new Set(keys.map((key) => storedKey(1, 'record', key).slice(8))).size).toBe(513);
  });

  it('is not fooled by a key that looks like the rest of another', () => {
    expect(storedKey(1, 'record', '2:record:a')).not.toBe(storedKey(12, 'record', 'a'));
    expect(storedKey(1, 'record', 'a').slice(8)).not.toBe(storedKey(1, 'request', 'a').slice(8));
  });
});

describe('coveredHash', () => {
  it('depends on every pair and on their order', () => {
    const hashes = [['0:a', '1:b'], ['1:b', '0:a'], ['0:a'], ['0:a', '2:b'], ['0:b', '1:a']].map(coveredHash);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(coveredHash(['0:a', '1:b'])).toBe(hashes[0]);
  });
});

describe('coveredKey', () => {
  it('is the request key, # and the position', () => {
    expect(coveredKey('r-1', 12)).toBe('r-1#12');
  });
});
