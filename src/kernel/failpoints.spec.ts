import { armFailpoints, failpoint, isFailpointArmed, type FailpointPlan } from './failpoints.js';

const plan = (change: Partial<FailpointPlan>): FailpointPlan => ({
  name: 'store.put',
  action: 'error',
  count: 1,
  skip: 0,
  ...change,
});
const passes = async (times: number): Promise<string[]> => {
  const outcomes: string[] = [];
  for (let i = 0; i < times; i += 1) {
    outcomes.push(
      await failpoint('store.put').then(
        (half) => (half ? 'half' : 'passed'),
        () => 'failed',
      ),
    );
  }
  return outcomes;
};

describe('failpoint', () => {
  afterEach(() => armFailpoints([]));

  it('does nothing where nothing is armed, or something else', async () => {
    expect(await passes(1)).toEqual(['passed']);
    armFailpoints([plan({ name: 'store.get' })]);
    expect(await passes(1)).toEqual(['passed']);
  });

  it('lets passes go by, acts as often as it was told, and falls silent', async () => {
    armFailpoints([plan({ skip: 1, count: 2 })]);
    expect(await passes(5)).toEqual(['passed', 'failed', 'failed', 'passed', 'passed']);
  });

  it('keeps several plans for one point', async () => {
    armFailpoints([plan({ action: 'truncate' }), plan({ action: 'unavailable', skip: 2 })]);
    expect(await passes(4)).toEqual(['half', 'passed', 'failed', 'passed']);
  });

  it('tells which are armed', () => {
    expect(isFailpointArmed('')).toBe(false);
    armFailpoints([plan({})]);
    expect([isFailpointArmed('store.'), isFailpointArmed('commit.')]).toEqual([true, false]);
  });
});
