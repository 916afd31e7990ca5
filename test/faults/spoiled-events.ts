import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Catalog } from './catalog.js';
import type { Random } from './random.js';
import type { World } from './world.js';

interface Line {
  readonly o: number;
  readonly k: string;
  readonly p: Record<string, unknown>;
}

const MOST_AT_ONCE = 3;

/**
 * Damages events of one batch that waits for its commit, so that they can never be written: clients cannot make such
 * events. Half of them are damaged in their content and stay dead, the others in their place, and can be replayed.
 */
export async function spoilEvents(world: World, catalog: Catalog, random: Random): Promise<boolean> {
  const tenants = world.tenants.map(({ id }) => id);
  const tables = [...new Set(world.tenants.flatMap((tenant) => tenant.tables))];
  const batch = await catalog.waitingBody(tenants, tables);
  if (batch === undefined) return false;
  const lines = zstdDecompressSync(batch.body).toString().trimEnd().split('\n');
  for (const at of random.shuffled([...lines.keys()]).slice(0, random.between(1, MOST_AT_ONCE))) {
    const line = JSON.parse(lines[at] ?? '{}') as Line;
    const spoiled = random.chance(0.5)
      ? { ...line, p: { ...line.p, amount: 'spoiled' } }
      : { ...line, o: line.o + 1_000_000 };
    lines[at] = JSON.stringify(spoiled);
    world.record({ e: 'spoiled', tenant: batch.tenant, key: line.k });
  }
  await catalog.replaceBody(batch.batchId, zstdCompressSync(`${lines.join('\n')}\n`));
  return true;
}
