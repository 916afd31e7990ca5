import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Claim, ClaimedBatch } from '../bus/index.js';

/** What a claim holds of one table, spread on local disk: a body file for each schema version. */
export interface TableBodies {
  readonly tableId: number;
  readonly batches: readonly ClaimedBatch[];
  readonly bodies: readonly { readonly schemaVersion: number; readonly path: string }[];
  readonly recordCount: number;
  readonly minVisibilityToken: number;
  readonly maxVisibilityToken: number;
}

/** Writes the bodies as they are: zstd frames may follow one another in a file. `directory` is made. */
export async function spreadBodies(claim: Claim, directory: string): Promise<TableBodies[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const tables: TableBodies[] = [];
  for (const [tableId, batches] of groupBy(claim.batches, (batch) => batch.tableId)) {
    const bodies: TableBodies['bodies'][number][] = [];
    for (const [schemaVersion, ofVersion] of groupBy(batches, (batch) => batch.schemaVersion)) {
      const path = join(directory, `${tableId}-v${schemaVersion}.ndjson.zst`);
      await writeAll(
        path,
        ofVersion.map((batch) => batch.body),
      );
      bodies.push({ schemaVersion, path });
    }
    tables.push({
      tableId,
      batches,
      bodies,
      recordCount: batches.reduce((sum, batch) => sum + batch.recordCount, 0),
      minVisibilityToken: Math.min(...batches.map((batch) => batch.firstToken)),
      maxVisibilityToken: Math.max(...batches.map((batch) => batch.lastToken)),
    });
  }
  return tables;
}

async function writeAll(path: string, chunks: readonly Buffer[]): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    const { bytesWritten } = await file.writev(chunks);
    // A full disk ends a write early, without an error. A torn body must not pass for faulty data.
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (bytesWritten !== bytes)
      throw new Error(`${bytesWritten} of ${bytes} bytes could be written to the scratch folder`);
  } finally {
    await file.close();
  }
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
