/**
 * The hash behind Iceberg's bucket transform: 32-bit Murmur3, x86 variant, seed 0. Signed.
 * https://iceberg.apache.org/spec/#appendix-b-32-bit-hash-requirements
 */
export function hashBytes(bytes: Uint8Array): number {
  const { length } = bytes;
  const whole = length & ~3;
  const at = (index: number): number => bytes[index] ?? 0;
  let hash = 0;
  for (let i = 0; i < whole; i += 4) {
    hash ^= mixed(at(i) | (at(i + 1) << 8) | (at(i + 2) << 16) | (at(i + 3) << 24));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  if (whole < length) hash ^= mixed(at(whole) | (at(whole + 1) << 8) | (at(whole + 2) << 16));
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function mixed(block: number): number {
  const product = Math.imul(block, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}

/** Of an int or long, a date in days, a time or a timestamp in microseconds: its 8 bytes, the lowest first. */
export function hashLong(value: bigint): number {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value, true);
  return hashBytes(bytes);
}

/** Of a decimal, given without its point: its fewest bytes in two's complement, the highest first. */
export function hashUnscaled(value: bigint): number {
  let length = 1;
  while (BigInt.asIntN(length * 8, value) !== value) length++;
  const hex = BigInt.asUintN(length * 8, value)
    .toString(16)
    .padStart(length * 2, '0');
  return hashBytes(Buffer.from(hex, 'hex'));
}

export const bucketOf = (hash: number, buckets: number): number => (hash & 0x7fffffff) % buckets;
