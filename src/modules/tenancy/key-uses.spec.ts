import { jest } from '@jest/globals';
import type { Transactions } from '../../database/index.js';
import { KeyUses } from './key-uses.js';

function setUp() {
  const time = { now: 1_800_000_000_000 };
  const query = jest.fn((_text: string, _values: unknown[]) => Promise.resolve([]));
  const transactions = { pooled: <T>(work: (pool: object) => Promise<T>) => work({ query }) };
  const uses = new KeyUses(transactions as unknown as Transactions, {
    now: () => time.now,
    sleep: () => Promise.resolve(),
  });
  const written = () => query.mock.calls.map(([, values]) => values);
  return { time, query, uses, written };
}

describe('KeyUses', () => {
  it('asks nothing of the database where no key was used', async () => {
    const { uses, query } = setUp();
    await uses.flush();
    expect(query).not.toHaveBeenCalled();
  });

  it('writes a key at most once a minute, however often it is used', async () => {
    const { time, uses, written } = setUp();
    for (let i = 0; i < 100; i += 1) uses.record('a');
    uses.record('b');
    time.now += 5_000;
    await uses.flush();
    expect(written()).toEqual([
      [
        ['a', 'b'],
        [5_000, 5_000],
      ],
    ]);
    time.now += 54_999;
    uses.record('a');
    await uses.flush();
    expect(written()).toHaveLength(1);
    time.now += 1;
    uses.record('a');
    await uses.flush();
    expect(written()[1]).toEqual([['a'], [0]]);
  });

  it('keeps what could not be written for the next time', async () => {
    const { time, uses, query, written } = setUp();
    uses.record('a');
    query.mockRejectedValueOnce(new Error('away'));
    await expect(uses.flush()).rejects.toThrow('away');
    time.now += 1_000;
    await uses.flush();
    expect(written()[1]).toEqual([['a'], [1_000]]);
    await uses.flush();
    expect(written()).toHaveLength(2);
  });
});
