import type { DataSource } from 'typeorm';
import { Transactions } from '../../src/database/index.js';
import { systemClock, type Clock } from '../../src/kernel/index.js';
import { WINDOW_MS, type GenerationClass } from '../../src/modules/bus/generations.js';
import { LedgerUpkeep } from '../../src/modules/bus/ledger-upkeep.js';

/** Does not wait between the attempts at a lock. */
export const hastyClock: Clock = { now: () => systemClock.now(), sleep: () => Promise.resolve() };

/** The upkeep as a process would have it. */
export const upkeepOn = (
  dataSource: DataSource,
  clock: Clock = hastyClock,
  windowDivisor = 1,
): LedgerUpkeep => new LedgerUpkeep(new Transactions(dataSource), clock, { windowDivisor });

/** Makes the current generation of a class as old as its window. */
export async function age(dataSource: DataSource, className: GenerationClass): Promise<void> {
  await dataSource.query(
    `UPDATE ingest_generation SET rotated_at = clock_timestamp() - $2 * interval '1 millisecond' WHERE class = $1`,
    [className, WINDOW_MS[className]],
  );
}

export async function generationOf(dataSource: DataSource, className: GenerationClass): Promise<number> {
  const [row] = await dataSource.query<{ number: number }[]>(
    `SELECT number FROM ingest_generation WHERE class = $1`,
    [className],
  );
  return row?.number ?? -1;
}

/** Names of the leaves under a parent such as `ingest_batch_1h`, without it: the generations. */
export async function leavesOf(dataSource: DataSource, parent: string): Promise<number[]> {
  const rows = await dataSource.query<{ generation: number }[]>(
    `SELECT substring(c.relname FROM '[0-9]+$')::int AS generation
     FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = to_regclass(quote_ident($1)) ORDER BY 1`,
    [parent],
  );
  return rows.map(({ generation }) => generation);
}
