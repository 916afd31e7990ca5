import { chmodSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EmbeddedError } from './embedded-error.js';
import { readJson, writePrivateJson } from './private-files.js';

export interface DataDirLock {
  release(): void;
}

/**
 * Takes the folder for this process. The lock is one of the operating system, taken through SQLite because
 * Node has no call for it: it ends with the process, so a killed run leaves nothing to heal and a reused pid
 * means nothing. `owner.json` beside it only names the owner for the message.
 * Throws an `EmbeddedError` that names the owner's pid while another process holds it.
 */
export async function lockDataDir(directory: string): Promise<DataDirLock> {
  const ownerFile = join(directory, 'owner.json');
  const lockFile = join(directory, 'owner.lock');
  const lock = new DatabaseSync(lockFile, { timeout: 0 });
  try {
    chmodSync(lockFile, 0o600);
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!/locked|busy/i.test((error as Error).message)) throw error;
    const owner = (await readJson(ownerFile).catch(() => undefined)) as
      { pid?: number; host?: string } | undefined;
    const who = owner?.pid === undefined ? 'another process' : `process ${owner.pid}`;
    const where = owner?.host === undefined || owner.host === hostname() ? '' : ` on ${owner.host}`;
    throw new EmbeddedError(
      `${directory} is in use by ${who}${where}. Stop it first, or set TIDEMARK_DATA_DIR to another folder.`,
    );
  }
  try {
    await writePrivateJson(ownerFile, {
      pid: process.pid,
      host: hostname(),
      since: new Date().toISOString(),
    });
  } catch (error) {
    lock.close();
    throw error;
  }
  return { release: () => lock.close() };
}
