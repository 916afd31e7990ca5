import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mistake } from '../faults/planted-bugs.js';
import { plantBug } from '../faults/planted-build.js';
import { DIST } from '../support/service.js';
import { newProgress, playLanes } from './lanes.js';
import { lanesOn, startModelService } from './model-service.js';
import { PLANTED_BUGS } from './planted-bugs.js';

const PROGRAMS = 400;
const SHRINK_MS = 600_000;
const LIMIT_MS = 3_600_000;
/** Calls: a failure in twenty would tell nobody anything. */
const SMALL = 8;

const { TIDEMARK_TEST_MODEL_SEED: seedText = '1', TIDEMARK_TEST_MODEL_BUGS: bugs } = process.env;
const asked = bugs?.split(',') ?? PLANTED_BUGS.map(({ name }) => name);
const each = PLANTED_BUGS.filter(({ name }) => asked.includes(name)).map((bug) => [bug.name, bug] as const);

it.each(each)(
  '%s is found, in a small program',
  async (_, bug) => expect(await sizeOf(bug)).toBeLessThanOrEqual(SMALL),
  LIMIT_MS,
);

/** Of the program that shows the bug, in calls. */
async function sizeOf(bug: Mistake): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-model-'));
  chmodSync(folder, 0o711);
  try {
    const service = await startModelService(plantBug(bug, DIST, folder));
    try {
      const progress = newProgress();
      const options = {
        ...lanesOn(service),
        seed: Number(seedText),
        path: undefined,
        shrinkMs: SHRINK_MS,
        programs: PROGRAMS,
        stopAt: Infinity,
      };
      const [failure] = await playLanes(options, progress);
      if (failure === undefined) throw new Error(`${PROGRAMS} programs did not find it`);
      process.stderr.write(`${bug.name}, after ${progress.programs} programs: ${failure.error.message}\n\n`);
      return failure.error.message.split('\n').filter((line) => line.startsWith('  -> ')).length;
    } finally {
      await service.dispose();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
