/**
 * Named points at which a test can stop the process, make it fail, or pause it.
 * Off by default: a call is then one property read.
 */
export const FAILPOINT_NAMES = [
  'ingest.committed',
  'commit.claimed',
  'commit.pending_row',
  'commit.uploaded',
  'commit.published',
] as const;

export type FailpointName = (typeof FAILPOINT_NAMES)[number];
export type FailpointAction = 'kill' | 'error' | 'pause';

export interface FailpointPlan {
  readonly name: FailpointName;
  readonly action: FailpointAction;
  /** How often it acts before it falls silent. */
  readonly count: number;
}

let plans: Map<FailpointName, { action: FailpointAction; left: number }> | undefined;

/** Arms the given plans, in place of all earlier ones. */
export function armFailpoints(armed: readonly FailpointPlan[]): void {
  plans =
    armed.length === 0 ? undefined : new Map(armed.map((p) => [p.name, { action: p.action, left: p.count }]));
}

/** Does what was armed for this point. `pause` never resolves: only a kill ends it. */
export async function failpoint(name: FailpointName): Promise<void> {
  if (plans === undefined) return;
  const plan = plans.get(name);
  if (plan === undefined || plan.left === 0) return;
  plan.left -= 1;
  if (plan.action === 'kill') process.kill(process.pid, 'SIGKILL');
  if (plan.action === 'error') throw new Error(`failpoint ${name}`);
  await new Promise(() => setInterval(() => undefined, 60_000));
}
