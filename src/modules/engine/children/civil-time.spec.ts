import fc from 'fast-check';
import { dateText, timestampText } from './civil-time.js';

describe('dateText and timestampText', () => {
  it('agree with Date where Date has the year in four digits', () => {
    const range = { min: Date.parse('0000-01-01T00:00:00Z'), max: Date.parse('9999-12-31T23:59:59.999Z') };
    const property = fc.property(fc.integer(range), (ms) => {
      expect(timestampText(BigInt(ms) * 1000n)).toBe(`${new Date(ms).toISOString().slice(0, -1)}000`);
    });
    fc.assert(property, { numRuns: 2000 });
  });

  it.each([
    [0, '1970-01-01'],
    [-719_528, '0000-01-01'],
    [-719_529, '-000001-12-31'],
    [2_932_897, '+010000-01-01'],
  ])('writes day %i', (days, expected) => {
    expect(dateText(days)).toBe(expected);
  });
});
