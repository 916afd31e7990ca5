import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Claim, ClaimedBatch } from '../bus/index.js';
import { bodyOf, readLines } from './body-lines.js';

/** What a claim holds of one table. */
export interface TableEvents {
  readonly tableId: number;
  readonly batches: readonly ClaimedBatch[];
  readonly recordCount: number;
  readonly minVisibilityToken: number;
  readonly maxVisibilityToken: number;
}

/** A body file on local disk, of one schema version. */
export interface BodyFile {
  readonly schemaVersion: number;
  readonly path: string;
}

/** What the claim holds, by table. */
export function tablesOf(claim: Claim): TableEvents[] {
  return [...groupBy(claim.batches, (batch) => batch.tableId).values()].map(tableOf);
}

/** The given batches, of one table. At least one. */
export function tableOf(batches: readonly ClaimedBatch[]): TableEvents {
  const [first] = batches;
  if (first === undefined) throw new Error('a table without batches');
  return {
    tableId: first.tableId,
    batches,
    recordCount: batches.reduce((sum, batch) => sum + batch.recordCount, 0),
    minVisibilityToken: Math.min(...batches.map((batch) => batch.fromToken)),
    maxVisibilityToken: Math.max(...batches.map((batch) => batch.toToken)),
  };
}

/**
 * Writes the bodies to `directory`, a file for each schema version. Whole ones as they are: zstd frames may follow one
 * another in a file. Of a batch that the claim holds in part, the lines of that part.
 */
export async function spreadBodies(table: TableEvents, directory: string): Promise<BodyFile[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files: BodyFile[] = [];
  const held = table.batches.filter((batch) => batch.recordCount > 0);
  for (const [schemaVersion, batches] of groupBy(held, (batch) => batch.schemaVersion)) {
    const path = join(directory, `${table.tableId}-v${schemaVersion}.ndjson.zst`);
    await writeAll(path, await Promise.all(batches.map(heldBody)));
    files.push({ schemaVersion, path });
  }
  return files;
}

async function heldBody(batch: ClaimedBatch): Promise<Buffer> {
  const whole = batch.fromToken === batch.firstToken && batch.toToken === batch.lastToken;
  return whole ? batch.body : bodyOf((await readLines(batch)).filter(({ text }) => text !== ''));
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
