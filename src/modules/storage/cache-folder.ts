import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from './local-file.js';

/**
 * Takes the first of the folders `0`, `1`, … below `parent` that no living process of this machine holds, so that
 * processes which share a data dir do not remove each other's files. A killed process' folder is taken over.
 */
export async function claimCacheFolder(parent: string): Promise<string> {
  for (let slot = 0; ; slot += 1) {
    const folder = join(parent, String(slot));
    await mkdir(folder, { recursive: true });
    if (await claim(ownerFile(folder))) return folder;
  }
}

export async function releaseCacheFolder(folder: string): Promise<void> {
  await rm(ownerFile(folder), { force: true });
}

const ownerFile = (folder: string): string => join(folder, 'owner');

async function claim(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  // Process ids repeat: in a container, the process before this one often had the same.
  const owner = Number(await readFile(path, 'utf8').catch(() => '0'));
  if (owner !== process.pid && isAlive(owner)) return false;
  await writeFile(path, String(process.pid));
  return true;
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
