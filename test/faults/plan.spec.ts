import { KILL_POINTS, Planner, ROUND_SECONDS, STEP_KINDS, type RoundPlan } from './plan.js';

const SEEDS = Array.from({ length: 50 }, (_, n) => 4711 + n);
/** Those of the short run. */
const ROUNDS = 2;
/** Lives of a service that a round comes to even where the machine is busy. */
const LIVES = 4;

const roundsOf = (seed: number): RoundPlan[] => {
  const planner = new Planner(seed);
  return Array.from({ length: ROUNDS }, () => planner.next());
};

describe('the plan of a seed', () => {
  it('is the same each time', () => {
    expect(roundsOf(7)).toEqual(roundsOf(7));
    expect(roundsOf(7)).not.toEqual(roundsOf(8));
  });

  it('deals every kind of step in the rounds of a short run, and no more than a round has time for', () => {
    for (const seed of SEEDS) {
      const steps = roundsOf(seed).map((plan) => plan.steps);
      const played = new Set(steps.flat().map(({ kind }) => kind));
      expect([seed, STEP_KINDS.filter((kind) => !played.has(kind))]).toEqual([seed, []]);
      for (const ofRound of steps) {
        const pausesMs = ofRound.reduce((sum, { pauseMs }) => sum + pauseMs, 0);
        expect(pausesMs).toBeLessThan(ROUND_SECONDS * 1000);
      }
    }
  });

  it('kills at every point in the first lives of a round', () => {
    for (const seed of SEEDS) {
      for (const { lives } of roundsOf(seed)) {
        const armed = Object.values(lives).flatMap((ofService) => ofService.slice(0, LIVES).join());
        const reached = armed.join().match(/[a-z_.]+(?==kill)/g);
        expect([seed, KILL_POINTS.filter((point) => reached?.includes(point) !== true)]).toEqual([seed, []]);
      }
    }
  });
});
