import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { settingsOf, type Settings } from '../../config/index.js';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const KEY_ID_LENGTH = 12;
const SECRET_BYTES = 24;
const SECRET_LENGTH = 33;
const SEAL_BYTES = 4;
const SEAL_LENGTH = 6;
const KEY = /^tm_([a-z2-7]{12})_([0-9A-Za-z]{39})$/;
const KEY_ID = /^[a-z2-7]{12}$/;

export interface MintedKey {
  readonly keyId: string;
  /** `tm_<key id>_<secret>`, shown once. */
  readonly key: string;
  readonly hash: Buffer;
}

/**
 * Makes and hashes API keys. The last six letters of the secret are a seal: an HMAC of the rest of the key, so that
 * made-up keys are refused without a look-up. The secret's other letters hold 192 random bits.
 */
@Injectable()
export class ApiKeyCodec {
  private readonly pepper: string;

  constructor(@Inject(settingsOf('tenancy')) settings: Settings['tenancy']) {
    if (settings.keyPepper === undefined) {
      throw new Error('TIDEMARK_KEY_PEPPER is not set: API keys cannot be checked without it.');
    }
    this.pepper = settings.keyPepper;
  }

  mint(): MintedKey {
    const keyId = Array.from(randomBytes(KEY_ID_LENGTH), (byte) => BASE32[byte % BASE32.length]).join('');
    const body = `tm_${keyId}_${base62(randomBytes(SECRET_BYTES), SECRET_LENGTH)}`;
    const key = body + this.seal(body);
    return { keyId, key, hash: this.hash(key) };
  }

  /** HMAC-SHA256 under the pepper, 32 bytes. */
  hash(key: string): Buffer {
    return createHmac('sha256', this.pepper).update(key).digest();
  }

  /** The id inside the key; undefined where this service cannot have made the key. */
  keyIdOf(key: string): string | undefined {
    const keyId = KEY.exec(key)?.[1];
    if (keyId === undefined) return undefined;
    const sent = Buffer.from(key.slice(-SEAL_LENGTH));
    const due = Buffer.from(this.seal(key.slice(0, -SEAL_LENGTH)));
    return timingSafeEqual(sent, due) ? keyId : undefined;
  }

  /** A body never equals a whole key, so that a seal tells nothing about a key's hash. */
  private seal(body: string): string {
    return base62(this.hash(body).subarray(0, SEAL_BYTES), SEAL_LENGTH);
  }
}

export const isKeyId = (text: string): boolean => KEY_ID.test(text);

function base62(bytes: Buffer, length: number): string {
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (let i = 0; i < length; i += 1) {
    text = (BASE62[Number(rest % 62n)] ?? '') + text;
    rest /= 62n;
  }
  return text;
}
