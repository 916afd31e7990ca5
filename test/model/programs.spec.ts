import type { TestService } from '../support/service.js';
import { newProgress, playLanes, type Failure, type Progress } from './lanes.js';
import { lanesOn, startModelService } from './model-service.js';

/** In npm test, after which no new program begins. scripts/model.mjs asks for a number of programs instead. */
const SHORT_MS = 45_000;
const SHORT_PROGRAMS = 10_000;
const SHRINK_MS = 180_000;
const SAY_EVERY_MS = 10_000;
/** The long form and the shrinking of a failure take their time. */
const LIMIT_MS = 4 * 3_600_000;

const {
  TIDEMARK_TEST_SEED: seedOfAll = Math.floor(Math.random() * 1_000_000),
  TIDEMARK_TEST_MODEL_SEED: seedText = seedOfAll,
  TIDEMARK_TEST_MODEL_PATH: path,
  TIDEMARK_TEST_MODEL_PROGRAMS: asked,
} = process.env;
const seed = Number(seedText);

let service: TestService;

beforeAll(async () => {
  service = await startModelService();
});

afterAll(() => service.dispose());

it(
  'does what the reference model does, in random programs',
  async () => {
    const progress = newProgress();
    const beganAt = Date.now();
    const say = () => process.stderr.write(`model test: ${told(progress, Date.now() - beganAt)}\n`);
    process.stderr.write(`model test: seed ${seed}${path === undefined ? '' : `, path ${path}`}\n`);
    const saying = setInterval(say, SAY_EVERY_MS);
    try {
      const failures = await playLanes(
        {
          ...lanesOn(service),
          seed,
          path,
          shrinkMs: SHRINK_MS,
          programs: Number(asked ?? SHORT_PROGRAMS),
          stopAt: asked === undefined ? beganAt + SHORT_MS : Infinity,
        },
        progress,
      );
      say();
      for (const failure of failures) throw asError(failure);
      expect(progress.programs).toBeGreaterThan(0);
    } finally {
      clearInterval(saying);
    }
  },
  LIMIT_MS,
);

function asError({ seed: of, path: at, error }: Failure): Error {
  const again = `npm run test:model -- --seed ${of} --path ${at}`;
  return new Error(`${error.message}\n\nSeed ${of}, path ${at}. Again: ${again}`, { cause: error });
}

function told({ programs, calls, events, snapshots, tables, rows }: Progress, ms: number): string {
  const rate = (programs / (ms / 1000)).toFixed(2);
  return `${programs} programs, ${rate}/s; ${calls} calls, ${events} events; compared ${snapshots} snapshots, ${tables} tables, ${rows} rows`;
}
