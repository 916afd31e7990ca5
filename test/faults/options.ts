import { parseArgs } from 'node:util';

export const HELP = `npm run test:faults -- [options]

Runs the built service as real processes on a Postgres and an S3 server of its own, under load and under faults, and
holds what it answered against the promises of docs/consistency.md. docs/reliability.md says how to read it.

  --long        an hour and every planted bug; without it a few minutes and two planted bugs, drawn by the seed
  --minutes N   how long the rounds of faults last in all
  --seed S      the plan of an earlier run
  --bugs A,B    only these planted bugs; 'none' for none, 'all' for all
  --only-bugs   no rounds on the good build
  --plan        print the plan of the seed and end
  --keep        keep the folder of the run also when it passed
  --help

A seed repeats the plan: which load, which faults, in which order. It cannot repeat how real processes interleave.`;

export interface Options {
  readonly help: boolean;
  readonly long: boolean;
  readonly seed: number;
  readonly minutes: number;
  /** Undefined: as many as the form of the run has. */
  readonly bugs: readonly string[] | undefined;
  readonly onlyBugs: boolean;
  readonly plan: boolean;
  readonly keep: boolean;
}

const SHORT_MINUTES = 2;
const LONG_MINUTES = 40;

/** Throws with a message for the user. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      long: { type: 'boolean', default: false },
      minutes: { type: 'string' },
      seed: { type: 'string' },
      bugs: { type: 'string' },
      'only-bugs': { type: 'boolean', default: false },
      plan: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  return {
    help: values.help,
    long: values.long,
    seed: numberOf('--seed', values.seed) ?? Math.floor(Math.random() * 1_000_000),
    minutes: numberOf('--minutes', values.minutes) ?? (values.long ? LONG_MINUTES : SHORT_MINUTES),
    bugs: values.bugs?.split(',').filter((name) => name !== 'none'),
    onlyBugs: values['only-bugs'],
    plan: values.plan,
    keep: values.keep,
  };
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new Error(`${name} takes a number, not "${text}"`);
  return value;
}
