import { control, hunt, type Place } from './hunt.js';
import type { PlantedBug } from './planted-bugs.js';
import { say } from './report.js';
import type { Score } from './score.js';
import type { Servers } from './servers.js';

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
