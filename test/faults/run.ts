import { mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readHistory } from './history.js';
import { Archive } from './archive.js';
import { control, hunt, type Place } from './hunt.js';
import { HELP, parseOptions, type Options } from './options.js';
import { Planner } from './plan.js';
import { copyBuild } from './planted-build.js';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.js';
import { Random } from './random.js';
import { measureRecovery, type Recovery } from './recovery.js';
import { printTable, roundRows, Tally } from './report.js';
import { runRound } from './round.js';
import { startServers, type Servers } from './servers.js';
import { Stack, USUAL_SERVICES } from './stack.js';
import { Counters } from './world.js';

const DIST = resolve(import.meta.dirname, '../..', process.env.TIDEMARK_TEST_DIST ?? 'dist');
const ROUND_SECONDS = 60;
const SHOWN_VIOLATIONS = 20;
const SHORT_BUGS = 2;

const say = (line: string): void => console.log(line);

/** Passed and failed checks of the run: each round, each planted bug and each bound is one. */
interface Score {
  passed: number;
  failed: number;
}

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
    for (let i = 0; i < roundsOf(options); i += 1)
      say(JSON.stringify(planner.next(ROUND_SECONDS), undefined, 1));
    return 0;
  }
  // Postgres, MinIO and the services end with this process.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-faults-'));
  chmodSync(folder, 0o711);
  say(`seed ${options.seed}, folder ${folder}`);
  const score: Score = { passed: 0, failed: 0 };
  await part('the servers', score, async () => {
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

/** A part that throws has failed; the others go on. */
async function part<T>(name: string, score: Score, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    score.failed += 1;
    console.error(`${name} failed:`, error);
    return undefined;
  }
}

const roundsOf = ({ minutes }: Options): number => Math.max(1, Math.round((minutes * 60) / ROUND_SECONDS));

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
    await part('the rounds', score, async () => {
      const good = { name: 'good', dist, folder: join(folder, 'good'), services: USUAL_SERVICES };
      const stack = await Stack.start(servers, good);
      try {
        await runRounds(stack, options, tally, score);
      } finally {
        await stack.close();
      }
    });
    if (options.long) {
      count(score, tally.unreached.length === 0);
      if (tally.unreached.length > 0) say(`no ${tally.unreached.join(', no ')}`);
    }
  }
  const recovery = options.onlyBugs
    ? undefined
    : await part('the recovery', score, () => measureRecovery(servers, dist, folder));
  const caught = await huntAll(servers, bugs, options.long, place, score);
  say('');
  printTable(say, [
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

/** Each bug, and with `controls` its scenario on the good build too. Answers how many were caught. */
async function huntAll(
  servers: Servers,
  bugs: readonly PlantedBug[],
  controls: boolean,
  place: Place,
  score: Score,
): Promise<number> {
  let caught = 0;
  for (const bug of bugs) {
    const result = await part(`the hunt for ${bug.name}`, score, () => hunt(servers, bug, place));
    if (result !== undefined) {
      if (result.caught !== undefined) caught += 1;
      count(score, result.caught !== undefined);
      const outcome =
        result.caught === undefined
          ? `NOT CAUGHT in ${result.attempts} attempts`
          : `caught as ${result.caught.kind} in attempt ${result.attempts}: ${result.caught.text}`;
      say(`planted bug ${bug.name}: ${outcome}, ${result.seconds} s`);
    }
    if (!controls) continue;
    await part(`the scenario of ${bug.name} on the good build`, score, async () => {
      const wrong = await control(servers, bug, place);
      count(score, wrong === undefined);
      if (wrong !== undefined) say(`  its scenario on the good build: ${wrong.kind}: ${wrong.text}`);
    });
  }
  return caught;
}

function count(score: Score, passed: boolean): void {
  if (passed) score.passed += 1;
  else score.failed += 1;
}

function recoveryRows(recovery: Recovery, score: Score): [string, string][] {
  const { movedAfterMs, boundMs, slackMs, stops, claimsGivenBack } = recovery;
  const slowest = Math.max(...movedAfterMs);
  count(score, slowest <= boundMs + slackMs);
  count(score, claimsGivenBack === stops);
  const verdict =
    slowest <= boundMs
      ? 'kept'
      : slowest <= boundMs + slackMs
        ? `kept with ${slackMs} ms of slack`
        : 'FAILED';
  return [
    [
      'watermark moves after a kill of the only coordinator',
      `${movedAfterMs.map(Math.round).join(', ')} ms; at most ${boundMs} ms: ${verdict}`,
    ],
    ['graceful stops that gave their claim back at once', `${claimsGivenBack} of ${stops}`],
  ];
}

async function runRounds(stack: Stack, options: Options, tally: Tally, score: Score): Promise<void> {
  const planner = new Planner(options.seed);
  const counters = new Counters();
  const archive = new Archive();
  const rounds = roundsOf(options);
  for (let i = 1; i <= rounds; i += 1) {
    const plan = planner.next(ROUND_SECONDS);
    const startedAt = performance.now();
    const result = await runRound(stack, plan, counters);
    const { verdict, historyFile } = result;
    archive.add(result);
    tally.addRound(verdict, readHistory(historyFile));
    const { violations, acknowledgedEvents, answeredReads } = verdict;
    count(score, violations.length === 0);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    say(
      `round ${i} of ${rounds}: ${acknowledgedEvents} events acknowledged, ${answeredReads} reads, ` +
        `${tally.killed} kills so far, ${violations.length} violations, ${seconds} s`,
    );
    for (const { kind, text } of violations.slice(0, SHOWN_VIOLATIONS)) say(`  ${kind}: ${text}`);
    if (violations.length > SHOWN_VIOLATIONS) say(`  … all of them follow from ${historyFile}`);
  }
  const changed = await archive.compare(stack);
  tally.violations.push(...changed);
  count(score, changed.length === 0);
  say(`read ${archive.size} snapshots of all rounds again: ${changed.length} violations`);
  for (const { kind, text } of changed.slice(0, SHOWN_VIOLATIONS)) say(`  ${kind}: ${text}`);
}
