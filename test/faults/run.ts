import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { huntAll } from './hunt.js';
import { HELP, parseOptions, type Options } from './options.js';
import { Planner } from './plan.js';
import { copyBuild } from './planted-build.js';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.js';
import { Random } from './random.js';
import { measureRecovery } from './recovery.js';
import { printTable, recoveryRows, roundRows, say, Tally } from './report.js';
import { roundsOf, runRounds } from './rounds.js';
import { Score } from './score.js';
import { startServers, type Servers } from './servers.js';
import { Stack, USUAL_SERVICES } from './stack.js';

const DIST = resolve(import.meta.dirname, '../..', process.env.TIDEMARK_TEST_DIST ?? 'dist');
const SHORT_BUGS = 2;

export async function run(args: readonly string[]): Promise<number> {
  let options: Options;
  let bugs: PlantedBug[];
  try {
    options = parseOptions(args);
    bugs = bugsOf(options);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (options.help) {
    say(HELP);
    return 0;
  }
  if (options.plan) {
    const planner = new Planner(options.seed);
    for (let i = 0; i < roundsOf(options.minutes); i += 1) say(JSON.stringify(planner.next(), undefined, 1));
    return 0;
  }
  // Postgres, MinIO and the services end with this process.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-faults-'));
  chmodSync(folder, 0o711);
  say(`seed ${options.seed}, folder ${folder}`);
  const score = new Score();
  await score.part('the servers', async () => {
    const servers = await startServers(say);
    try {
      await runAll(servers, options, bugs, folder, score);
    } finally {
      await servers.stop();
    }
  });
  if (score.failed === 0 && !options.keep) rmSync(folder, { recursive: true, force: true });
  else say(`kept: ${folder}; repeat the plan with --seed ${options.seed}`);
  say(`${score.passed} passed, ${score.failed} failed`);
  return score.failed === 0 ? 0 : 1;
}

async function runAll(
  servers: Servers,
  options: Options,
  bugs: readonly PlantedBug[],
  folder: string,
  score: Score,
): Promise<void> {
  const tally = new Tally();
  // A copy: the build may be made again meanwhile.
  const dist = copyBuild(DIST, join(folder, 'build'));
  const place = { dist, folder, seed: options.seed };
  if (!options.onlyBugs) {
    await score.part('the rounds', async () => {
      const good = { name: 'good', dist, folder: join(folder, 'good'), services: USUAL_SERVICES };
      const stack = await Stack.start(servers, good);
      try {
        await runRounds(stack, { seed: options.seed, rounds: roundsOf(options.minutes) }, tally, score);
      } finally {
        await stack.close();
      }
    });
    if (options.long) {
      score.count(tally.unreached.length === 0);
      if (tally.unreached.length > 0) say(`no ${tally.unreached.join(', no ')}`);
    }
  }
  const recovery = options.onlyBugs
    ? undefined
    : await score.part('the recovery', () => measureRecovery(servers, dist, folder));
  const caught = await huntAll(servers, bugs, options.long, place, score);
  say('');
  printTable([
    ['seed', String(options.seed)],
    ...(options.onlyBugs ? [] : roundRows(tally)),
    ...(recovery === undefined ? [] : recoveryRows(recovery, score)),
    ['planted bugs caught', `${caught} of ${bugs.length}`],
  ]);
}

function bugsOf({ bugs, long, seed }: Options): PlantedBug[] {
  if (bugs?.includes('all') === true || (bugs === undefined && long)) return [...PLANTED_BUGS];
  if (bugs === undefined) return new Random(seed).shuffled(PLANTED_BUGS).slice(0, SHORT_BUGS);
  return bugs.map((name) => {
    const bug = PLANTED_BUGS.find((known) => known.name === name);
    if (bug === undefined)
      throw new Error(`there is no planted bug ${name}: ${PLANTED_BUGS.map((each) => each.name).join(', ')}`);
    return bug;
  });
}
