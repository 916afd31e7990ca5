import fc from 'fast-check';
import { FairShares } from './fair-shares.js';

const takeAll = (shares: FairShares, owner: string): number => {
  let taken = 0;
  while (shares.take(owner, 1) === undefined) taken += 1;
  return taken;
};

describe('FairShares', () => {
  it('gives one owner half, and those after it half of what is left', () => {
    const shares = new FairShares(100);
    expect(takeAll(shares, 'a')).toBe(50);
    expect(shares.take('a', 1)).toBe('share');
    expect(takeAll(shares, 'b')).toBe(25);
    expect(shares.take('c', 25)).toBeUndefined();
    expect(shares.take('d', 1)).toBe('full');
    expect(shares.held).toBe(100);
  });

  it('lets an owner without anything take all that is free', () => {
    const shares = new FairShares(100);
    expect(shares.take('a', 101)).toBe('full');
    expect(shares.take('a', 100)).toBeUndefined();
    shares.give('a', 100);
    expect(shares.held).toBe(0);
    expect(shares.take('b', 100)).toBeUndefined();
  });

  it('never holds more than its maximum, and ends at nothing when all is given back', () => {
    const step = fc.record({
      owner: fc.constantFrom('a', 'b', 'c'),
      amount: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const shares = new FairShares(100);
        const taken = steps.filter(({ owner, amount }) => shares.take(owner, amount) === undefined);
        const sum = taken.reduce((total, { amount }) => total + amount, 0);
        expect(shares.held).toBe(sum);
        expect(sum).toBeLessThanOrEqual(100);
        for (const { owner, amount } of taken) shares.give(owner, amount);
        expect(shares.held).toBe(0);
        expect(takeAll(shares, 'a')).toBe(50);
      }),
    );
  });
});
