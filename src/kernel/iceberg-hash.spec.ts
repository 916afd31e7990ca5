import { bucketOf, hashBytes, hashLong, hashUnscaled } from './iceberg-hash.js';

/** From appendix B of Iceberg's specification. */
describe("Iceberg's hash", () => {
  it.each([
    ['int and long 34', hashLong(34n), 2017239379],
    ['decimal 14.20', hashUnscaled(1420n), -500754589],
    ['date 2017-11-16', hashLong(17486n), -653330422],
    ['time 22:31:08', hashLong(81068000000n), -662762989],
    ['timestamp 2017-11-16T22:31:08', hashLong(1510871468000000n), -2047944441],
    ['timestamp 2017-11-16T22:31:08.000001', hashLong(1510871468000001n), -1207196810],
    ['string iceberg', hashBytes(Buffer.from('iceberg')), 1210000089],
    [
      'uuid f79c3e09-677c-4bbd-a479-3f349cb785e7',
      hashBytes(Buffer.from('f79c3e09677c4bbda4793f349cb785e7', 'hex')),
      1488055340,
    ],
    ['binary 00 01 02 03', hashBytes(Buffer.from([0, 1, 2, 3])), -188683207],
  ])('of %s is that of the specification', (_what, hash, expected) => {
    expect(hash).toBe(expected);
  });

  it.each([
    [0n, [0]],
    [127n, [0x7f]],
    [128n, [0x00, 0x80]],
    [-128n, [0x80]],
    [-129n, [0xff, 0x7f]],
    [-1n, [0xff]],
  ])('takes the fewest bytes of %s', (value, bytes) => {
    expect(hashUnscaled(value)).toBe(hashBytes(Buffer.from(bytes)));
  });

  it('gives buckets from 0 on, of negative hashes too', () => {
    expect(bucketOf(-1, 16)).toBe(15);
    expect(bucketOf(-2147483648, 16)).toBe(0);
    expect(bucketOf(2017239379, 16)).toBe(3);
  });
});
