import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const STATE_ROOT = '/var/lib/tidemark';
const SEARCHABLE_BY_OTHERS = 0o001;

/**
 * Where the cache's files can be read by query children, which are another user when the service is root. Below a
 * folder that others cannot enter, such as root's 0700 home, that is a folder of its own under `/var/lib/tidemark`.
 */
export async function reachableCacheDir(wanted: string): Promise<string> {
  if (process.getuid?.() !== 0 || (await isReachable(wanted))) return wanted;
  return join(STATE_ROOT, `cache-${createHash('sha256').update(wanted).digest('hex').slice(0, 12)}`);
}

async function isReachable(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    if (found !== undefined && (found.mode & SEARCHABLE_BY_OTHERS) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}
