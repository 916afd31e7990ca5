import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isProcessAlive } from '../../kernel/index.js';
import { reachableCacheDir } from './cache-placement.js';
import { errnoOf } from './local-file.js';

/** Whoever was told a path may open it; nobody else can list what is there. */
const SEARCHABLE = 0o711;

/**
 * Takes the first of the folders `0`, `1`, … below `wanted`, or where query children can reach them, that no living process of this machine holds, so that
 * processes which share a data dir do not remove each other's files. A killed process' folder is taken over.
 */
export async function claimCacheFolder(wanted: string): Promise<string> {
  const parent = await reachableCacheDir(wanted);
  await mkdir(parent, { recursive: true });
  await chmod(parent, SEARCHABLE);
  for (let slot = 0; ; slot += 1) {
    const folder = join(parent, String(slot));
    await mkdir(folder, { recursive: true });
    await chmod(folder, SEARCHABLE);
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
  if (owner !== process.pid && isProcessAlive(owner)) return false;
  await writeFile(path, String(process.pid));
  return true;
}
