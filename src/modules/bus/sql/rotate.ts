import { query, sql, type SqlExecutor, type Tx } from '../../../database/index.js';

/** Makes the leaves of the two generations after the current one, and answers its number. Own transaction. */
export async function createNextLeaves(tx: Tx, className: string): Promise<number> {
  const [row] = await query<{ number: number }>(
    tx,
    sql`SELECT number, ingest_create_leaves(class, number + 1), ingest_create_leaves(class, number + 2)
        FROM ingest_generation WHERE class = ${className}`,
  );
  if (row === undefined) throw new Error(`there is no window class ${className}`);
  return row.number;
}

/**
 * Takes the generation's advisory lock exclusively, so that no ingest is under way, and raises the number from `from`.
 * Answers false where another process has done so. Its leaves exist already. Nothing else happens under the lock.
 * One statement, to be run on the pool: a client that stops cannot hold the lock.
 */
export async function raiseGeneration(
  executor: SqlExecutor,
  className: string,
  from: number,
  lockTimeoutMs = 5_000,
): Promise<boolean> {
  const [row] = await query<{ raised: boolean }>(
    executor,
    sql`SELECT ingest_rotate(${className}, ${from}, ${lockTimeoutMs}) AS raised`,
  );
  return row?.raised === true;
}
