import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that other users may pass through: as root, query children are another user. */
export async function makeTempFolder(name: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `tidemark-${name}-`));
  await chmod(path, 0o711);
  return path;
}
