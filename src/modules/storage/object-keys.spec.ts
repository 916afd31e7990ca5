import fc from 'fast-check';
import { assertKeyPrefix, assertObjectKey, ObjectKeys } from './object-keys.js';
import { InvalidObjectKeyError } from './storage.errors.js';

const keys = new ObjectKeys('lake/prod');
const UUID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';

const characters = (alphabet: string) => fc.constantFrom(...alphabet);
const LOWER = 'abcdefghijklmnopqrstuvwxyz0123456789';
const tenantIds = fc
  .tuple(characters(LOWER), fc.string({ unit: characters(`${LOWER}_-`), maxLength: 62 }))
  .map(([first, rest]) => first + rest);
const tableIds = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const writers = fc.oneof(fc.nat(), fc.string({ unit: characters(LOWER), minLength: 1, maxLength: 36 }));
/** Text that tries to climb, hide or end a path, among other text. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(fc.constantFrom('..', '.', '/', '\\', '\0', '%2e', '~', 'acme', '', ' ', 'é', '\n'), {
      maxLength: 8,
    })
    .map((p) => p.join('')),
);

describe('ObjectKeys', () => {
  it('puts data and delete files below the table', () => {
    const owner = { tenantId: 'acme', tableId: 7, writer: 42 };
    expect(keys.dataFile(owner)).toMatch(new RegExp(`^lake/prod/acme/7/part-42-${UUID}\\.parquet$`));
    expect(keys.deleteFile(owner)).toMatch(
      new RegExp(`^lake/prod/acme/7/deletes/delete-42-${UUID}\\.parquet$`),
    );
  });

  it('puts folders between the table and the file', () => {
    const owner = { tenantId: 'acme', tableId: 7, writer: 42 };
    expect(keys.dataFile(owner, ['date=2026-01-02', 'hour=03'])).toMatch(
      new RegExp(`^lake/prod/acme/7/date=2026-01-02/hour=03/part-42-${UUID}\\.parquet$`),
    );
  });

  it('builds no key, or one below its table, from hostile folders', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(hostile, fc.constant('day=2026-01-02')), { maxLength: 4 }), (folders) => {
        let key: string;
        try {
          key = keys.dataFile({ tenantId: 'acme', tableId: 7, writer: 1 }, folders);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidObjectKeyError);
          return;
        }
        expect(key.startsWith('lake/prod/acme/7/')).toBe(true);
        expect(key.split('/')).toHaveLength(5 + folders.length);
        assertObjectKey(key);
      }),
    );
  });

  it('never builds the same key twice, and none of them is outside of the tenant', () => {
    fc.assert(
      fc.property(tenantIds, tableIds, writers, (tenantId, tableId, writer) => {
        const owner = { tenantId, tableId, writer };
        const built = [
          keys.dataFile(owner),
          keys.dataFile(owner),
          keys.deleteFile(owner),
          keys.deleteFile(owner),
        ];
        expect(new Set(built).size).toBe(built.length);
        for (const key of built) {
          assertObjectKey(key);
          expect(key.split('/').slice(0, 4)).toEqual(['lake', 'prod', tenantId, String(tableId)]);
          expect(key.startsWith(keys.tablePrefix(tenantId, tableId))).toBe(true);
          keys.assertTenantOwns(tenantId, key);
        }
      }),
    );
  });

  it('refuses the key of one tenant for every other', () => {
    fc.assert(
      fc.property(tenantIds, tenantIds, tableIds, (mine, other, tableId) => {
        fc.pre(mine !== other);
        const key = keys.dataFile({ tenantId: mine, tableId, writer: 1 });
        expect(() => keys.assertTenantOwns(other, key)).toThrow(InvalidObjectKeyError);
      }),
    );
  });

  it('builds no key, or one inside of the prefix, from hostile parts', () => {
    fc.assert(
      fc.property(fc.oneof(hostile, tenantIds), fc.oneof(hostile, writers), (tenantId, writer) => {
        let key: string;
        try {
          key = keys.dataFile({ tenantId, tableId: 1, writer });
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidObjectKeyError);
          return;
        }
        expect(key.split('/')).toHaveLength(5);
        expect(key.startsWith('lake/prod/')).toBe(true);
        assertObjectKey(key);
      }),
    );
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53])('refuses %p as a table id', (tableId) => {
    expect(() => keys.dataFile({ tenantId: 'acme', tableId, writer: 1 })).toThrow(InvalidObjectKeyError);
  });

  it.each(['', '/lake', 'lake/', 'lake/../x', '.', 'a b'])(
    'refuses %p as the prefix of a deployment',
    (prefix) => {
      expect(() => new ObjectKeys(prefix)).toThrow(InvalidObjectKeyError);
    },
  );

  it('keeps the self test out of reach of every tenant id', () => {
    const key = keys.selfTestKey();
    assertObjectKey(key);
    expect(() => keys.tenantPrefix(key.split('/')[2] ?? '')).toThrow(InvalidObjectKeyError);
  });
});

describe('assertObjectKey', () => {
  it('lets no key through that a path could climb with', () => {
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        const key = `${a}/${b}`;
        try {
          assertObjectKey(key);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidObjectKeyError);
          return;
        }
        for (const segment of key.split('/')) expect(segment).toMatch(/^(?!\.{1,2}$)[A-Za-z0-9._=-]{1,255}$/);
      }),
    );
  });

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '..',
    'a/../b',
    'a/./b',
    'a\0b',
    'a\\b',
    'ä',
    'a b',
    'a'.repeat(256),
    'a/'.repeat(512) + 'a',
  ])('refuses %p', (key) => expect(() => assertObjectKey(key)).toThrow(InvalidObjectKeyError));

  it.each(['', 'a', 'a/', 'a/b', '.tidemark-self-test/'])('takes %p as a prefix', (prefix) => {
    expect(() => assertKeyPrefix(prefix)).not.toThrow();
  });

  it.each(['/', '../', 'a/../', 'a//', 'a\0'])('refuses %p as a prefix', (prefix) => {
    expect(() => assertKeyPrefix(prefix)).toThrow(InvalidObjectKeyError);
  });
});
