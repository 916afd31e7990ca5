import { join } from 'node:path';
import { readJson, writePrivateJson } from './private-files.js';

/** The content of `credentials.json`; others read it, so names are only ever added. */
export interface Credentials {
  readonly url: string;
  readonly tenant: string;
  readonly platform_key: string;
  readonly keys: FirstKeys;
}

/** `writer` has ingest_writer, `reader` query_reader, `admin` all four roles. */
export interface FirstKeys {
  readonly writer: string;
  readonly reader: string;
  readonly admin: string;
}

export interface FirstTenant {
  readonly tenant: string;
  readonly keys: FirstKeys;
}

export const credentialsFile = (dataDir: string): string => join(dataDir, 'credentials.json');

/**
 * Reads `credentials.json`, or writes it (mode 0600) with what `make` creates when it is absent or incomplete.
 * `url` and the platform key are brought up to date. `make` may run again after a crash that came before the
 * file was written, so it must bear a first tenant that is already there.
 */
export async function ensureCredentials(
  dataDir: string,
  url: string,
  make: () => Promise<FirstTenant>,
  platformKey: string,
): Promise<Credentials> {
  const file = credentialsFile(dataDir);
  const found = await readJson(file).catch(() => undefined);
  const first = isFirstTenant(found) ? found : await make();
  const { writer, reader, admin } = first.keys;
  const credentials = {
    url,
    tenant: first.tenant,
    platform_key: platformKey,
    keys: { writer, reader, admin },
  };
  if (JSON.stringify(found) !== JSON.stringify(credentials)) await writePrivateJson(file, credentials);
  return credentials;
}

function isFirstTenant(value: unknown): value is FirstTenant {
  const { tenant, keys } = (value ?? {}) as { tenant?: unknown; keys?: Record<string, unknown> | null };
  return isText(tenant) && isText(keys?.writer) && isText(keys.reader) && isText(keys.admin);
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
