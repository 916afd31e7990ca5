import { AppError } from './app-error.js';
import { DEPENDENCY_UNAVAILABLE } from './kernel.errors.js';

/**
 * Named points at which a test can stop the process, make it fail, or hold it up.
 * Off by default: a call is then one property read.
 *
 * `ingest.*` and `commit.*` are the lines of the crash table; `ledger.*` are between the steps of the ledger's upkeep. `database.commit` is before the COMMIT of a write
 * transaction, `database.committed` after it, where an `unavailable` is a lost reply. `store.put.done` and
 * `store.get.done` are after a call that succeeded, the other points of the store before the call.
 */
export const FAILPOINT_NAMES = [
  'ingest.committed',
  'commit.claimed',
  'commit.pending_row',
  'commit.uploaded',
  'commit.published',
  'ledger.rotated',
  'ledger.leaf_dropped',
  'database.commit',
  'database.committed',
  'store.put',
  'store.put.done',
  'store.get',
  'store.get.done',
  'store.read',
  'store.stat',
  'store.list',
  'store.delete',
] as const;

export type FailpointName = (typeof FAILPOINT_NAMES)[number];

/**
 * `kill` and `stop` send SIGKILL and SIGSTOP to the process. `error` is a fault of the code, `unavailable` one of
 * a dependency. `pause` never resolves, `delay` resolves later. `truncate` is left to the caller: half of a file.
 */
export const FAILPOINT_ACTIONS = [
  'kill',
  'stop',
  'error',
  'unavailable',
  'pause',
  'delay',
  'truncate',
] as const;
export type FailpointAction = (typeof FAILPOINT_ACTIONS)[number];

export interface FailpointPlan {
  readonly name: FailpointName;
  readonly action: FailpointAction;
  /** Of a delay. */
  readonly delayMs?: number | undefined;
  /** How often it acts before it falls silent. */
  readonly count: number;
  /** How many passes it lets go by before; none when absent. */
  readonly skip?: number;
}

interface Armed {
  readonly plan: FailpointPlan;
  passes: number;
}

let armed: Map<FailpointName, Armed[]> | undefined;

/** Arms the given plans, in place of all earlier ones. */
export function armFailpoints(plans: readonly FailpointPlan[]): void {
  armed = undefined;
  for (const plan of plans) {
    armed ??= new Map();
    armed.set(plan.name, [...(armed.get(plan.name) ?? []), { plan, passes: 0 }]);
  }
}

/** Whether any point whose name begins with `prefix` is armed. */
export function isFailpointArmed(prefix: string): boolean {
  return armed !== undefined && [...armed.keys()].some((name) => name.startsWith(prefix));
}

/** Does what was armed for this point. Answers true where the caller has to cut its file in half. */
export async function failpoint(name: FailpointName): Promise<boolean> {
  if (armed === undefined) return false;
  let cutInHalf = false;
  for (const point of armed.get(name) ?? []) {
    const pass = point.passes++ - (point.plan.skip ?? 0);
    if (pass < 0 || pass >= point.plan.count) continue;
    if (point.plan.action === 'truncate') cutInHalf = true;
    else await act(point.plan);
  }
  return cutInHalf;
}

async function act({ name, action, delayMs }: FailpointPlan): Promise<void> {
  switch (action) {
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'error':
      throw new Error(`failpoint ${name}`);
    case 'unavailable':
      throw new AppError(DEPENDENCY_UNAVAILABLE, `Failpoint ${name}.`, { retryAfterMs: 1000 });
    case 'delay':
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return;
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
  }
  // Killed any moment now, or paused: only a kill ends it.
  await new Promise(() => setInterval(() => undefined, 60_000));
}
