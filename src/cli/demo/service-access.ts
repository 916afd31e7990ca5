import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a service is, and the keys to it. */
export interface ServiceAccess {
  readonly url: string;
  readonly writerKey: string;
  readonly readerKey: string;
  readonly adminKey: string;
  /** The file that the keys come from, where they do. */
  readonly keysFile?: string;
}

const ANSWER_MS = 2_000;

export const credentialsFileOf = (dataDir: string): string => join(dataDir, 'credentials.json');

/** The service that the data dir's credentials speak of; undefined when it does not answer to them. */
export async function findRunningService(dataDir: string): Promise<ServiceAccess | undefined> {
  const access = await readCredentials(dataDir);
  return access !== undefined && (await isHealthy(access.url)) && (await knowsKey(access))
    ? access
    : undefined;
}

/** Undefined when there is no such file, or not a whole one. */
export async function readCredentials(dataDir: string): Promise<ServiceAccess | undefined> {
  const keysFile = credentialsFileOf(dataDir);
  try {
    const { url, keys } = JSON.parse(await readFile(keysFile, 'utf8')) as {
      url: string;
      keys: { writer: string; reader: string; admin: string };
    };
    return { url, writerKey: keys.writer, readerKey: keys.reader, adminKey: keys.admin, keysFile };
  } catch {
    return undefined;
  }
}

export async function isHealthy(url: string): Promise<boolean> {
  return isOk(`${url}/v1/health`, {});
}

/** Another service may have taken the port since. */
async function knowsKey({ url, adminKey }: ServiceAccess): Promise<boolean> {
  return isOk(`${url}/v1/me`, { Authorization: `Bearer ${adminKey}` });
}

async function isOk(url: string, headers: Record<string, string>): Promise<boolean> {
  try {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}
