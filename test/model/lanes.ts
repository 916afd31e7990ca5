import fc from 'fast-check';
import { play, type Place, type Tally } from './play.js';
import { programs } from './steps.js';

export interface LanesOptions {
  readonly seed: number;
  /** Of an earlier failure: only this program, by itself. */
  readonly path: string | undefined;
  readonly programs: number;
  /** After which no new program begins, in milliseconds since the epoch. */
  readonly stopAt: number;
  readonly lanes: number;
  /** A failure is made smaller for this long at most. */
  readonly shrinkMs: number;
  /** A new tenant. */
  readonly place: () => Promise<Place>;
}

export interface Failure {
  readonly seed: number;
  readonly path: string;
  readonly error: Error;
}

export interface Progress extends Tally {
  programs: number;
}

/** The first lane that failed, which alone goes on to shrink its failure. */
interface Stop {
  lane: number | undefined;
}

const PROGRAMS_PER_TENANT = 25;

export const newProgress = (): Progress => ({
  programs: 0,
  calls: 0,
  events: 0,
  snapshots: 0,
  tables: 0,
  rows: 0,
});

/** Plays programs side by side, each lane in tenants of its own, with a seed of its own. Ends at the first failure. */
export async function playLanes(options: LanesOptions, progress: Progress): Promise<Failure[]> {
  const lanes = options.path === undefined ? options.lanes : 1;
  const stop: Stop = { lane: undefined };
  const failures = await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const count = Math.floor(options.programs / lanes) + (lane < options.programs % lanes ? 1 : 0);
      return (await playLane(options, lane, count, progress, stop)) ?? [];
    }),
  );
  return failures.flat();
}

async function playLane(
  { seed, path, stopAt, shrinkMs, place: newPlace }: LanesOptions,
  lane: number,
  count: number,
  progress: Progress,
  stop: Stop,
): Promise<Failure | undefined> {
  let place: Place | undefined;
  let played = 0;
  let failedAt: number | undefined;
  const property = fc.asyncProperty(programs, async (steps) => {
    const isOver =
      failedAt === undefined
        ? stop.lane !== undefined || Date.now() > stopAt
        : Date.now() > failedAt + shrinkMs;
    if (isOver) return;
    if (place === undefined || played % PROGRAMS_PER_TENANT === 0) place = await newPlace();
    played += 1;
    try {
      await play(place, `p${played}_`, steps, progress);
      progress.programs += 1;
    } catch (error) {
      // What the tenant has come to is not known.
      place = undefined;
      // The others have gone on meanwhile: one failure is enough to shrink.
      stop.lane ??= lane;
      if (stop.lane !== lane) return;
      failedAt ??= Date.now();
      throw error;
    }
  });
  const result = await fc.check(property, {
    seed: seed + lane,
    numRuns: path === undefined ? count : 1,
    ...(path !== undefined && { path }),
  });
  if (!result.failed) return undefined;
  return {
    seed: result.seed,
    path: result.counterexamplePath ?? '',
    error:
      result.errorInstance instanceof Error ? result.errorInstance : new Error(String(result.errorInstance)),
  };
}
