import type { ColumnType } from '../../src/kernel/index.js';
import { bucketOf, hashBytes, hashLong, hashUnscaled } from '../../src/kernel/iceberg-hash.js';
import type { PartitionValue } from '../../src/kernel/index.js';

/**
 * Iceberg's transforms in plain words. `value` is the text of the value in its canonical form, null where there is
 * none; base64 of binary. The hash itself is held to Iceberg's own examples elsewhere.
 */
export function partitionOf(transform: string, type: ColumnType, value: string | null): PartitionValue {
  if (value === null) return null;
  const [, name = '', n = '0'] = /^(\w+)(?:\((\d+)\))?$/.exec(transform) ?? [];
  const year = Number(value.slice(0, 4));
  switch (name) {
    case 'identity':
      return value;
    case 'year':
      return year - 1970;
    case 'month':
      return (year - 1970) * 12 + Number(value.slice(5, 7)) - 1;
    case 'day':
      return Number(floorDivide(microsOf(value), 86_400_000_000n));
    case 'hour':
      return Number(floorDivide(microsOf(value), 3_600_000_000n));
    case 'bucket':
      return bucketOf(hashOf(type, value), Number(n));
    default:
      return truncated(type, value, Number(n));
  }
}

function truncated(type: ColumnType, value: string, width: number): string {
  if (type.kind === 'string') return [...value].slice(0, width).join('');
  if (type.kind === 'binary') return Buffer.from(value, 'base64').subarray(0, width).toString('base64');
  const unscaled = BigInt(value.replace('.', ''));
  const rest = ((unscaled % BigInt(width)) + BigInt(width)) % BigInt(width);
  const cut = unscaled - rest;
  if (type.kind !== 'decimal' || type.scale === 0) return String(cut);
  const digits = String(cut < 0n ? -cut : cut).padStart(type.scale + 1, '0');
  return `${cut < 0n ? '-' : ''}${digits.slice(0, -type.scale)}.${digits.slice(-type.scale)}`;
}

function hashOf(type: ColumnType, value: string): number {
  switch (type.kind) {
    case 'int':
    case 'long':
      return hashLong(BigInt(value));
    case 'decimal':
      return hashUnscaled(BigInt(value.replace('.', '')));
    case 'date':
      return hashLong(floorDivide(microsOf(value), 86_400_000_000n));
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return hashLong(microsOf(value));
    case 'uuid':
      return hashBytes(Buffer.from(value.replaceAll('-', ''), 'hex'));
    case 'binary':
      return hashBytes(Buffer.from(value, 'base64'));
    default:
      return hashBytes(Buffer.from(value, 'utf8'));
  }
}

/** Microseconds since 1970, or since midnight. */
function microsOf(text: string): bigint {
  const [, date = '1970-01-01', time = '00:00:00', fraction = ''] =
    /^(\d{4}-\d\d-\d\d)?T?(\d\d:\d\d:\d\d)?(?:\.(\d+))?Z?$/.exec(text) ?? [];
  return BigInt(Date.parse(`${date}T${time}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

const floorDivide = (value: bigint, by: bigint): bigint => (value - (((value % by) + by) % by)) / by;
