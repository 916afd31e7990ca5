import { keyRangeOf, rangesMeet } from './key-range.js';

const column = (id: number, type: string) => ({ id, name: `c${id}`, type, nullable: false });
const range = (type: string, min: string | null, max: string | null) =>
  keyRangeOf([column(5, type)], { '5': { min, max } });

describe('ranges of keys', () => {
  it.each([
    ['long', ['-10', '9'], ['9', '10'], true],
    ['long', ['-10', '9'], ['10', '11'], false],
    ['long', ['9007199254740993', '9007199254740993'], ['9007199254740992', '9007199254740992'], false],
    ['string', ['a', 'b'], ['b', 'c'], true],
    ['string', ['a', 'b'], ['ba', 'c'], false],
    // In UTF-16 the first is greater, in bytes the second is.
    ['string', ['\uffee', '\uffee'], ['\u{1f600}', '\u{1f600}'], false],
    ['string', ['\ue000', '\u{1f600}'], ['\uffee', '\uffee'], true],
    ['date', ['2024-01-01', '2024-01-31'], ['2024-02-01', '2024-02-01'], false],
    [
      'timestamptz',
      ['2024-01-01T00:00:00.000000Z', '2024-01-02T00:00:00.000000Z'],
      ['2024-01-02T00:00:00.000000Z', '2024-01-03T00:00:00.000000Z'],
      true,
    ],
    // Base64 has another order than its bytes.
    ['binary', ['/w==', '/w=='], ['AA==', '+g=='], false],
    ['binary', ['AA==', '/w=='], ['+g==', '+g=='], true],
    // Not known: they may meet.
    ['string', ['x'.repeat(65), 'y'], ['a', 'b'], true],
    ['string', ['a\\x00', 'b'], ['c', 'd'], true],
    ['decimal(5,2)', ['1.00', '2.00'], ['3.00', '4.00'], true],
    ['binary', [null, null], [null, null], true],
    ['uuid', ['0', '1'], ['2', '3'], true],
  ] as const)('of %s, %p and %p', (type, [aMin, aMax], [bMin, bMax], meet) => {
    const [a, b] = [range(type, aMin, aMax), range(type, bMin, bMax)];
    expect([rangesMeet(a, b), rangesMeet(b, a)]).toEqual([meet, meet]);
  });

  it('meet in every column, or not at all', () => {
    const key = [column(5, 'int'), column(6, 'int')];
    const of = (first: string, second: string) =>
      keyRangeOf(key, { '5': { min: first, max: first }, '6': { min: second, max: second } });
    expect(rangesMeet(of('1', '2'), of('1', '3'))).toBe(false);
    expect(rangesMeet(of('1', '2'), of('1', '2'))).toBe(true);
    expect(rangesMeet(keyRangeOf(key, {}), of('1', '2'))).toBe(true);
  });
});
