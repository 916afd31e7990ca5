// npm run test:model: the model test by itself, for as many programs as asked for.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const LONG_PROGRAMS = 2_000;
const SHORT_PROGRAMS = 200;

const HELP = `npm run test:model -- [options]

Plays random programs (create, write, alter, rename, drop, undrop, look) against the built service and against a reference
model, and compares every answer, every table at every snapshot, and every receipt. docs/reliability.md says more.
Without options ${SHORT_PROGRAMS} programs.

  --long         ${LONG_PROGRAMS} programs
  --programs N   that many
  --seed S       of an earlier run; a lane of programs adds its number to it
  --path P       with --seed: the program of a failure alone, as the failure printed it
  --planted      see that mistakes that are put into a copy of the build are found
  --bugs A,B     with --planted: only these
  --help`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    long: { type: 'boolean', default: false },
    programs: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
    planted: { type: 'boolean', default: false },
    bugs: { type: 'string' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

/** Throws for what is no whole number. */
function count(name, text) {
  if (text === undefined || /^\d+$/.test(text)) return text;
  console.error(`--${name} takes a whole number, not "${text}"\n\n${HELP}`);
  process.exit(2);
}

const settings = {
  PROGRAMS: count('programs', values.programs) ?? String(values.long ? LONG_PROGRAMS : SHORT_PROGRAMS),
  SEED: count('seed', values.seed),
  PATH: values.path,
  BUGS: values.bugs,
};
const env = { ...process.env };
for (const [name, value] of Object.entries(settings)) {
  if (value !== undefined) env[`TIDEMARK_TEST_MODEL_${name}`] = value;
}
// Not among the specs of npm test: it takes minutes.
const test = values.planted
  ? ['--testMatch', join(import.meta.dirname, '../test/model/planted-bugs.hunt.ts')]
  : ['--runTestsByPath', 'test/model/programs.spec.ts'];
const { status } = spawnSync(
  process.execPath,
  [join(import.meta.dirname, 'test.mjs'), '--selectProjects', 'model', ...test],
  { stdio: 'inherit', env },
);
process.exitCode = status ?? 1;
