import { join } from 'node:path';
import type { Violation } from './model/violation.js';
import { plantBug } from './planted-build.js';
import type { PlantedBug } from './planted-bugs.js';
import { say } from './report.js';
import { runRound } from './round.js';
import { SCENARIOS, type Scenario } from './scenarios.js';
import type { Score } from './score.js';
import type { Servers } from './servers.js';
import { Stack } from './stack.js';
import { Counters } from './world.js';

/** More than a quiet machine needs: on a busy one fewer things fall together in a round. */
const ATTEMPTS = 5;

export interface Place {
  /** Of the good build. */
  readonly dist: string;
  readonly folder: string;
  readonly seed: number;
}

/** Each bug, and with `controls` its scenario on the good build too. Answers how many were caught. */
export async function huntAll(
  servers: Servers,
  bugs: readonly PlantedBug[],
  controls: boolean,
  place: Place,
  score: Score,
): Promise<number> {
  let caught = 0;
  for (const bug of bugs) {
    const result = await score.part(`the hunt for ${bug.name}`, () => hunt(servers, bug, place));
    if (result !== undefined) {
      if (result.caught !== undefined) caught += 1;
      score.count(result.caught !== undefined);
      const outcome =
        result.caught === undefined
          ? `NOT CAUGHT in ${result.attempts} attempts`
          : `caught as ${result.caught.kind} in attempt ${result.attempts}: ${result.caught.text}`;
      say(`planted bug ${bug.name}: ${outcome}, ${result.seconds} s`);
    }
    if (!controls) continue;
    await score.part(`the scenario of ${bug.name} on the good build`, async () => {
      const wrong = await control(servers, bug, place);
      score.count(wrong === undefined);
      if (wrong !== undefined) say(`  its scenario on the good build: ${wrong.kind}: ${wrong.text}`);
    });
  }
  return caught;
}

interface HuntResult {
  /** What gave the bug away; undefined where nothing did. */
  readonly caught: Violation | undefined;
  readonly attempts: number;
  readonly seconds: number;
}

/** Plays the bug's scenario on a build with the bug, a few times at most, until the checker finds it. */
async function hunt(servers: Servers, bug: PlantedBug, place: Place): Promise<HuntResult> {
  const startedAt = performance.now();
  const folder = join(place.folder, bug.name);
  const dist = plantBug(bug, place.dist, folder);
  const found = await play(
    servers,
    `bug-${bug.name}`,
    bug.scenario,
    { ...place, dist, folder },
    ATTEMPTS,
    (violations) => violations.find(({ kind }) => bug.shows.includes(kind)),
  );
  return { ...found, seconds: Math.round((performance.now() - startedAt) / 1000) };
}

/** Plays a scenario on the good build. Answers what the checker found, which must be nothing. */
async function control(servers: Servers, bug: PlantedBug, place: Place): Promise<Violation | undefined> {
  const folder = join(place.folder, `${bug.name}-control`);
  const { caught } = await play(
    servers,
    `control-${bug.name}`,
    bug.scenario,
    { ...place, folder },
    1,
    ([first]) => first,
  );
  return caught;
}

async function play(
  servers: Servers,
  name: string,
  scenarioName: PlantedBug['scenario'],
  place: Place,
  attempts: number,
  look: (violations: readonly Violation[]) => Violation | undefined,
): Promise<{ caught: Violation | undefined; attempts: number }> {
  const scenario: Scenario = SCENARIOS[scenarioName];
  const { dist, folder, seed } = place;
  const stack = await Stack.start(servers, {
    name: name.slice(0, 60),
    dist,
    folder,
    services: scenario.services,
    stoppedForMs: scenario.stoppedForMs,
    ...(scenario.env && { env: scenario.env }),
  });
  const counters = new Counters();
  try {
    for (let attempt = 1; ; attempt += 1) {
      const plan = { ...scenario.plan, name: `p${attempt}`, seed: seed + attempt };
      const { verdict } = await runRound(stack, plan, counters, scenario.options);
      const caught = look(verdict.violations);
      if (caught !== undefined || attempt >= attempts) return { caught, attempts: attempt };
    }
  } finally {
    await stack.close();
  }
}
