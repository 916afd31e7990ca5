import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Resident memory of a process, in bytes: from /proc, else from `ps`. Undefined once it has ended. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  const kib = (await fromProc(pid)) ?? (await fromPs(pid));
  return kib === undefined ? undefined : kib * 1024;
}

async function fromProc(pid: number): Promise<number | undefined> {
  try {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}

/** POSIX: `rss` is in KiB on Linux and macOS alike. */
export async function fromPs(pid: number): Promise<number | undefined> {
  try {
    const kib = Number((await run('ps', ['-o', 'rss=', '-p', String(pid)])).stdout.trim());
    return kib > 0 ? kib : undefined;
  } catch {
    return undefined;
  }
}
