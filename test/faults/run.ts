import { mkdirSync, mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readHistory } from './history.js';
import { HELP, parseOptions, type Options } from './options.js';
import { Planner } from './plan.js';
import { printTable, roundRows, Tally } from './report.js';
import { runRound } from './round.js';
import { startServers, type Servers } from './servers.js';
import { Stack, USUAL_SERVICES } from './stack.js';
import { Counters } from './world.js';

const DIST = resolve(import.meta.dirname, '../..', process.env.TIDEMARK_TEST_DIST ?? 'dist');
const ROUND_SECONDS = 60;
const SHOWN_VIOLATIONS = 20;

const say = (line: string): void => console.log(line);

/** Passed and failed checks of the run: each round, each planted bug and each bound is one. */
interface Score {
  passed: number;
  failed: number;
}

export async function run(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args);
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
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-faults-'));
  chmodSync(folder, 0o711);
  say(`seed ${options.seed}, folder ${folder}`);
  const score: Score = { passed: 0, failed: 0 };
  const servers = await startServers(say);
  try {
    await runAll(servers, options, folder, score);
  } finally {
    await servers.stop();
  }
  if (score.failed === 0 && !options.keep) rmSync(folder, { recursive: true, force: true });
  else say(`kept: ${folder}; seed ${options.seed}`);
  say(`${score.passed} passed, ${score.failed} failed`);
  return score.failed === 0 ? 0 : 1;
}

const roundsOf = ({ minutes }: Options): number => Math.max(1, Math.round((minutes * 60) / ROUND_SECONDS));

async function runAll(servers: Servers, options: Options, folder: string, score: Score): Promise<void> {
  const tally = new Tally();
  if (!options.onlyBugs) {
    mkdirSync(join(folder, 'good'));
    const stack = await Stack.start(servers, {
      name: 'good',
      dist: DIST,
      folder: join(folder, 'good'),
      services: USUAL_SERVICES,
    });
    try {
      await runRounds(stack, options, tally, score);
    } finally {
      await stack.close();
    }
  }
  say('');
  printTable(say, [['seed', String(options.seed)], ...roundRows(tally)]);
}

async function runRounds(stack: Stack, options: Options, tally: Tally, score: Score): Promise<void> {
  const planner = new Planner(options.seed);
  const counters = new Counters();
  const rounds = roundsOf(options);
  for (let i = 1; i <= rounds; i += 1) {
    const plan = planner.next(ROUND_SECONDS);
    const startedAt = performance.now();
    const { verdict, historyFile } = await runRound(stack, plan, counters);
    tally.addRound(verdict, readHistory(historyFile));
    const { violations, acknowledgedEvents, answeredReads } = verdict;
    if (violations.length === 0) score.passed += 1;
    else score.failed += 1;
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    say(
      `round ${i} of ${rounds}: ${acknowledgedEvents} events acknowledged, ${answeredReads} reads, ` +
        `${tally.killed} kills so far, ${violations.length} violations, ${seconds} s`,
    );
    for (const { kind, text } of violations.slice(0, SHOWN_VIOLATIONS)) say(`  ${kind}: ${text}`);
    if (violations.length > SHOWN_VIOLATIONS) say(`  … all of them follow from ${historyFile}`);
  }
}
