import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readJson, writePrivateJson } from './private-files.js';

export interface EmbeddedSecrets {
  readonly platform_key: string;
  readonly key_pepper: string;
  readonly postgres_password: string;
}

const fileIn = (dataDir: string): string => join(dataDir, 'secrets.json');

const makeSecret = (prefix: string): string => `${prefix}${randomBytes(24).toString('hex')}`;

/** What an earlier start made; undefined on the first. */
export async function readSecrets(dataDir: string): Promise<EmbeddedSecrets | undefined> {
  const found = (await readJson(fileIn(dataDir))) as Partial<EmbeddedSecrets> | undefined;
  if (found === undefined) return undefined;
  for (const name of ['platform_key', 'key_pepper', 'postgres_password'] as const) {
    if (typeof found[name] !== 'string') throw new Error(`${fileIn(dataDir)} lacks "${name}"`);
  }
  return found as EmbeddedSecrets;
}

/** Makes the secrets of a new data dir and keeps them there, readable by this user alone. */
export async function createSecrets(dataDir: string): Promise<EmbeddedSecrets> {
  const secrets = {
    platform_key: makeSecret('platform_'),
    key_pepper: makeSecret(''),
    postgres_password: makeSecret(''),
  };
  await writePrivateJson(fileIn(dataDir), secrets);
  return secrets;
}
