import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadSettings } from '../../src/config/index.js';
import { takeScratchFolder } from '../../src/scratch-folder.js';
import { makeTempFolder } from '../support/temp-folder.js';

/** Beyond any process id that Linux gives out. */
const NEVER_A_PID = 2 ** 22 + 1;

it('takes a folder of its own and removes those of the dead, not of the living', async () => {
  const dataDir = await makeTempFolder('scratch');
  try {
    const scratch = join(dataDir, 'scratch');
    for (const pid of [NEVER_A_PID, process.ppid, process.pid]) {
      await mkdir(join(scratch, String(pid)), { recursive: true });
      await writeFile(join(scratch, String(pid), 'left'), 'by a claim');
    }
    const { settings, remove } = await takeScratchFolder(loadSettings({ TIDEMARK_DATA_DIR: dataDir }));
    expect((await readdir(scratch)).sort()).toEqual([String(process.pid), String(process.ppid)].sort());
    expect(await readdir(join(scratch, String(process.pid)))).toEqual([]);
    expect(settings.commit.scratchDir).toBe(join(scratch, String(process.pid), 'commit'));
    await remove();
    expect(existsSync(join(scratch, String(process.pid)))).toBe(false);
  } finally {
    await rm(dataDir, { recursive: true });
  }
});
