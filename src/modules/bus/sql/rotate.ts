import { query, sql, type Tx } from '../../../database/index.js';

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
 * Does nothing where another process has done so. Its leaves exist already. Nothing else happens under the lock.
 */
export async function raiseGeneration(tx: Tx, className: string, from: number): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(1413698373, ingest_lock_key($1))`, [className]);
  await tx.query(
    `UPDATE ingest_generation SET number = number + 1, rotated_at = clock_timestamp() WHERE class = $1 AND number = $2`,
    [className, from],
  );
}
