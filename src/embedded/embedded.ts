import { existsSync } from 'node:fs';
import { access, chmod, constants, mkdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../config/index.js';
import type { Logger } from '../kernel/index.js';
import { startCluster, type Cluster } from './cluster.js';
import { credentialsFile } from './credentials.js';
import { lockDataDir } from './data-dir-lock.js';
import { EmbeddedError } from './embedded-error.js';
import { clusterIn, placePostgres } from './placement.js';
import { createSecrets, readSecrets, type EmbeddedSecrets } from './secrets.js';

/** The services that this process runs for itself. */
export interface Embedded {
  /** The given settings with the database URL, the platform key and the key pepper filled in. */
  readonly settings: Settings;
  /** Lines to print at start: where the data lives. */
  readonly notes: readonly string[];
  /** Ends Postgres and frees the data dir. Call it last, with every connection closed. */
  stop(): Promise<void>;
}

const SPARE_CONNECTIONS = 20;
const MIN_CONNECTIONS = 100;

/**
 * Starts Postgres on the data dir, which is this process's alone until `stop`.
 * Throws an `EmbeddedError` with a message to print where that cannot be.
 */
export async function startEmbedded(settings: Settings, logger: Logger): Promise<Embedded> {
  if (process.platform === 'win32') {
    throw new EmbeddedError('The embedded Postgres runs on Linux and macOS. Set TIDEMARK_DATABASE_URL.');
  }
  const dataDir = await openDataDir(settings.dataDir);
  const lock = await lockDataDir(dataDir);
  try {
    const placement = await placePostgres(dataDir);
    const secrets = await secretsFor(dataDir, placement.home);
    const cluster = await startCluster({
      placement,
      password: secrets.postgres_password,
      maxConnections: Math.max(MIN_CONNECTIONS, settings.database.poolMax + SPARE_CONNECTIONS),
      logger,
    });
    const server = `Postgres ${placement.binaries.version} on 127.0.0.1:${cluster.port}`;
    logger.info({ dataDir, port: cluster.port, home: placement.home }, 'embedded Postgres is ready');
    return {
      settings: completeSettings(settings, cluster, secrets),
      notes: [`Data: ${dataDir} (${server}, run by ${placement.user.name})`, ...placement.notes],
      stop: async () => {
        await cluster.stop();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** As root, Postgres runs as another user, who must get through the data dir but need not list it. */
async function openDataDir(path: string): Promise<string> {
  try {
    const isNew = (await mkdir(path, { recursive: true })) !== undefined;
    if (isNew) await chmod(path, process.getuid?.() === 0 ? 0o711 : 0o700);
    await access(path, constants.W_OK | constants.X_OK);
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new EmbeddedError(
      `${path} cannot be the data dir (${code}). Set TIDEMARK_DATA_DIR to a folder that this user may write to.`,
    );
  }
}

/** A cluster without its secrets cannot be opened; keys of an earlier cluster mean nothing to a new one. */
async function secretsFor(dataDir: string, home: string): Promise<EmbeddedSecrets> {
  const hasCluster = existsSync(join(clusterIn(home), 'PG_VERSION'));
  const found = await readSecrets(dataDir);
  if (hasCluster && found === undefined) {
    throw new EmbeddedError(
      `${dataDir} has a Postgres cluster but no secrets.json, and cannot be opened without. ` +
        'Bring the file back, or remove the data dir to start afresh.',
    );
  }
  if (!hasCluster) await rm(credentialsFile(dataDir), { force: true });
  return found ?? createSecrets(dataDir);
}

function completeSettings(settings: Settings, cluster: Cluster, secrets: EmbeddedSecrets): Settings {
  return {
    ...settings,
    database: { ...settings.database, url: cluster.url },
    tenancy: {
      ...settings.tenancy,
      platformKey: settings.tenancy.platformKey ?? secrets.platform_key,
      keyPepper: settings.tenancy.keyPepper ?? secrets.key_pepper,
    },
  };
}
