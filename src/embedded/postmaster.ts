import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/** How long each way of stopping may take before the next, harsher one: fast, immediate, kill. */
const STOP_STEPS = [
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 3_000 },
  { signal: 'SIGKILL', waitMs: 2_000 },
] as const;

/** What `postmaster.pid` says. */
export interface Postmaster {
  readonly pid: number;
  readonly ready: boolean;
}

const pidFile = (cluster: string): string => join(cluster, 'postmaster.pid');

export function readPostmaster(cluster: string): Postmaster | undefined {
  let lines: string[];
  try {
    lines = readFileSync(pidFile(cluster), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const pid = Number.parseInt(lines[0] ?? '', 10);
  return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : undefined;
}

/** Stops what a killed run left behind, or forgets a pid that means something else by now. True when it stopped one. */
export async function stopOrphan(cluster: string): Promise<boolean> {
  const left = readPostmaster(cluster);
  if (left === undefined) return false;
  const orphan = isServerOf(left.pid, cluster);
  if (orphan) await stopPostmaster(left.pid, () => isServerOf(left.pid, cluster));
  else rmSync(pidFile(cluster), { force: true });
  return orphan;
}

/** Fast shutdown first, harsher after a bound. Returns false when even SIGKILL did not end it in time. */
export async function stopPostmaster(pid: number, isAlive: () => boolean): Promise<boolean> {
  for (const { signal, waitMs } of STOP_STEPS) {
    try {
      process.kill(pid, signal);
    } catch {
      return true;
    }
    const until = performance.now() + waitMs;
    while (isAlive() && performance.now() < until) await delay(POLL_MS);
    if (!isAlive()) return true;
  }
  return false;
}

/** True when that process is a Postgres server of this cluster: pids are used again, and after a reboot soon. */
function isServerOf(pid: number, cluster: string): boolean {
  const args = argumentsOf(pid);
  return args.includes('postgres') && args.includes(cluster);
}

function argumentsOf(pid: number): string {
  try {
    if (process.platform === 'linux')
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
  } catch {
    return '';
  }
}
