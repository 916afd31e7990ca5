import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from './config/index.js';
import { isProcessAlive } from './kernel/index.js';

/**
 * Gives this process a scratch folder of its own, `scratch/<pid>` in the data dir, empty, and removes those that
 * killed processes left. Answers the settings that point there.
 */
export async function takeScratchFolder(
  settings: Settings,
): Promise<{ settings: Settings; remove: () => Promise<void> }> {
  const all = join(settings.dataDir, 'scratch');
  await mkdir(all, { recursive: true });
  const left = (await readdir(all)).filter(
    (name) => Number(name) === process.pid || !isProcessAlive(Number(name)),
  );
  for (const name of left) await rm(join(all, name), { recursive: true, force: true });
  const own = join(all, String(process.pid));
  await mkdir(own, { mode: 0o700 });
  return {
    settings: {
      ...settings,
      commit: { ...settings.commit, scratchDir: join(own, 'commit') },
      engine: { ...settings.engine, scratchDir: join(own, 'engine') },
    },
    remove: () => rm(own, { recursive: true, force: true }),
  };
}
