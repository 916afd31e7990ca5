import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedError } from './embedded-error.js';
import {
  copyPostgresBinaries,
  findPostgresBinaries,
  programOf,
  type PostgresBinaries,
} from './postgres-binaries.js';
import { canEnter, choosePostgresUser, whyNotRunnable, type PostgresUser } from './postgres-user.js';
import { readJson, writePrivateJson } from './private-files.js';

/** Where the cluster and its programs are, and who runs them. */
export interface Placement {
  /** Folder of this data dir's cluster, its log and its lock. */
  readonly home: string;
  readonly user: PostgresUser;
  readonly binaries: PostgresBinaries;
  readonly notes: readonly string[];
}

/** The cluster inside its home. */
export const clusterIn = (home: string): string => join(home, 'data');

const LINUX_STATE_ROOT = '/var/lib/tidemark';

/**
 * Chooses places that the user of Postgres can reach. Normally that is the data dir, and the programs stay
 * where npm put them. Below a folder which that user cannot enter, such as root's 0700 home, both move to
 * `/var/lib/tidemark`, else to the temp dir; `placement.json` in the data dir remembers where.
 * Call with the data dir locked.
 */
export async function placePostgres(dataDir: string): Promise<Placement> {
  const remembered = (await readJson(join(dataDir, 'placement.json'))) as { home: string } | undefined;
  const usual = join(dataDir, 'postgres');
  const known = remembered?.home ?? (existsSync(clusterIn(usual)) ? usual : undefined);
  if (remembered !== undefined && !existsSync(remembered.home)) {
    throw new EmbeddedError(
      `The Postgres cluster of ${dataDir} was in ${remembered.home} and is gone. ` +
        'Bring it back, or remove the data dir to start afresh.',
    );
  }
  const user = choosePostgresUser(known === undefined ? undefined : ownerOf(clusterIn(known)));
  const notes: string[] = [];
  const home = known ?? (canEnter(user, dataDir) ? usual : await placeElsewhere(dataDir, user, notes));
  await mkdir(home, { recursive: true });
  await chmod(home, 0o711);
  if (home !== usual)
    notes.unshift(`Postgres cluster: ${home}, because the user ${user.name} cannot enter ${dataDir}`);
  return { home, user, binaries: await runnableBinaries(user, notes), notes };
}

function ownerOf(cluster: string): { uid: number; gid: number } | undefined {
  return existsSync(cluster) ? lstatSync(cluster) : undefined;
}

async function placeElsewhere(dataDir: string, user: PostgresUser, notes: string[]): Promise<string> {
  const root = stateRootFor(user);
  const abandoned = readdirSync(root).find((name) => isHomeOf(join(root, name), dataDir));
  if (abandoned !== undefined) {
    notes.push(`An older cluster of this data dir, which it no longer knows, is in ${join(root, abandoned)}`);
  }
  const home = join(root, `data-${randomBytes(6).toString('hex')}`);
  await mkdir(home);
  await writeFile(join(home, 'data-dir'), `${dataDir}\n`, { mode: 0o600 });
  await writePrivateJson(join(dataDir, 'placement.json'), { home });
  return home;
}

function isHomeOf(home: string, dataDir: string): boolean {
  try {
    return readFileSync(join(home, 'data-dir'), 'utf8').trim() === dataDir;
  } catch {
    return false;
  }
}

/** The first folder for state outside of the data dir that is ours and that the user can enter. */
function stateRootFor(user: PostgresUser): string {
  const suffix = `tidemark-${process.getuid?.() ?? 0}`;
  const candidates = [...new Set([LINUX_STATE_ROOT, join(tmpdir(), suffix), join('/tmp', suffix)])];
  const found = candidates.find((root) => {
    try {
      if (mkdirSync(root, { recursive: true }) !== undefined) chmodSync(root, 0o755);
      return isOurs(root) && canEnter(user, root);
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new EmbeddedError(
    `There is no place for Postgres that the user ${user.name} can enter (tried ${candidates.join(', ')}). ` +
      'Set TIDEMARK_DATA_DIR to a folder below parents that it can, or set TIDEMARK_DATABASE_URL.',
  );
}

/** Programs are run from here, so nobody else may have made it or write to it. */
function isOurs(directory: string): boolean {
  const stat = lstatSync(directory);
  return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
}

async function runnableBinaries(user: PostgresUser, notes: string[]): Promise<PostgresBinaries> {
  const installed = await findPostgresBinaries();
  const reason = whyNotRunnable(user, programOf(installed, 'postgres'));
  if (reason === undefined) return installed;
  const root = stateRootFor(user);
  const copied = await copyPostgresBinaries(installed, root);
  const stillNot = whyNotRunnable(user, programOf(copied, 'postgres'));
  if (stillNot !== undefined) {
    throw new EmbeddedError(
      `The embedded Postgres does not run on this system (${stillNot}). ` +
        'Set TIDEMARK_DATABASE_URL to a Postgres of your own.',
    );
  }
  notes.push(
    `Postgres programs: copied to ${copied.root}, because the user ${user.name} cannot run those of the checkout`,
  );
  return copied;
}
