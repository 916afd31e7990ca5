import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { ApiKeyCodec, isKeyId } from './api-key-codec.js';

const PEPPER = 'a pepper for the tests';
const codec = new ApiKeyCodec({ keyPepper: PEPPER, platformKey: undefined });

describe('ApiKeyCodec', () => {
  it('makes keys of the documented form, never the same', () => {
    const keys = Array.from({ length: 500 }, () => codec.mint());
    for (const { key, keyId } of keys) {
      expect(key).toMatch(/^tm_[a-z2-7]{12}_[0-9A-Za-z]{39}$/);
      expect(key.split('_')[1]).toBe(keyId);
      expect(isKeyId(keyId)).toBe(true);
    }
    expect(new Set(keys.map(({ key }) => key)).size).toBe(500);
    expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(500);
  });

  it('hashes the whole key under the pepper', () => {
    const { key, hash } = codec.mint();
    expect(hash).toEqual(createHmac('sha256', PEPPER).update(key).digest());
    expect(hash).toHaveLength(32);
  });

  it('knows its own keys', () => {
    const { key, keyId } = codec.mint();
    expect(codec.keyIdOf(key)).toBe(keyId);
  });

  it('does not know a key with any one letter changed', () => {
    const { key } = codec.mint();
    fc.assert(
      fc.property(fc.nat(key.length - 1), fc.constantFrom(...'aB3_z-'), (at, letter) => {
        fc.pre(key[at] !== letter);
        expect(codec.keyIdOf(key.slice(0, at) + letter + key.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  it('does not know what has another form, or was made under another pepper', () => {
    const { key } = new ApiKeyCodec({ keyPepper: 'some other pepper', platformKey: undefined }).mint();
    for (const text of [
      key,
      '',
      'tm_',
      `${codec.mint().key}x`,
      ` ${codec.mint().key}`,
      `${codec.mint().key}\n`,
    ]) {
      expect(codec.keyIdOf(text)).toBeUndefined();
    }
  });

  it('says which setting is missing', () => {
    expect(() => new ApiKeyCodec({ keyPepper: undefined, platformKey: undefined })).toThrow(
      'TIDEMARK_KEY_PEPPER',
    );
  });
});
