import { execFileSync, spawnSync } from 'node:child_process';
import { EmbeddedError } from './embedded-error.js';

/** The system user that Postgres runs as. Undefined ids: the user of this process. */
export interface PostgresUser {
  readonly name: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** Postgres refuses to run as root: these are taken instead, the first that exists. */
const STAND_INS = ['postgres', 'nobody'];

/** `ownerUid`: who owns the cluster, where there is one. Throws an `EmbeddedError` where no user will do. */
export function choosePostgresUser(owner: { uid: number; gid: number } | undefined): PostgresUser {
  const own = process.getuid?.();
  if (own !== 0) {
    if (owner !== undefined && owner.uid !== own) {
      throw new EmbeddedError(
        `The embedded Postgres cluster belongs to uid ${owner.uid} and this process runs as uid ${own}. ` +
          'Start Tidemark as the user who made it, or set TIDEMARK_DATA_DIR to another folder.',
      );
    }
    return { name: 'this user' };
  }
  if (owner !== undefined && owner.uid !== 0)
    return { name: userName(owner.uid), uid: owner.uid, gid: owner.gid };
  for (const name of STAND_INS) {
    const uid = idOf(name, '-u');
    const gid = idOf(name, '-g');
    if (uid !== undefined && gid !== undefined && uid !== 0) return { name, uid, gid };
  }
  throw new EmbeddedError(
    'Postgres does not run as root, and there is no user "postgres" or "nobody" to run it as. ' +
      'Start Tidemark as another user, or set TIDEMARK_DATABASE_URL.',
  );
}

/** True when the user can enter the folder, through all of its parents. */
export function canEnter(user: PostgresUser, directory: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', directory], asUser(user)).status === 0;
}

/** Undefined when the user can run the program, else why not. */
export function whyNotRunnable(user: PostgresUser, program: string): string | undefined {
  const { status, error, stderr } = spawnSync(program, ['--version'], asUser(user));
  if (status === 0) return undefined;
  return error?.message ?? (stderr.toString().trim() || `exit status ${status}`);
}

/** Options for a child that runs as that user, with nothing of this process's environment. */
export function asUser(user: PostgresUser) {
  return {
    ...(user.uid !== undefined && { uid: user.uid }),
    ...(user.gid !== undefined && { gid: user.gid }),
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  };
}

function idOf(name: string, flag: '-u' | '-g'): number | undefined {
  try {
    return Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return undefined;
  }
}

function userName(uid: number): string {
  try {
    return execFileSync('id', ['-un', String(uid)], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return `uid ${uid}`;
  }
}
