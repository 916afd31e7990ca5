import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCluster } from '../../src/embedded/cluster.js';
import { placePostgres } from '../../src/embedded/placement.js';
import { createLogger } from '../../src/kernel/index.js';

/** A real Postgres of its own with everything synced to disk. */
export async function startBenchPostgres(): Promise<{ url: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-postgres-'));
  chmodSync(folder, 0o711);
  const placement = await placePostgres(folder);
  const cluster = await startCluster({
    placement,
    password: 'bench',
    maxConnections: 100,
    logger: createLogger('silent'),
  });
  return {
    url: cluster.url,
    stop: async () => {
      await cluster.stop();
      for (const path of [placement.home, folder]) rmSync(path, { recursive: true, force: true });
    },
  };
}
