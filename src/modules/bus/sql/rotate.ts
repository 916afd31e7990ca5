import type { Tx } from '../../../database/index.js';

/** Makes the leaves of the generation after the next, so that the next rotation finds them. Own transaction. */
export async function createNextLeaves(tx: Tx, className: string): Promise<void> {
  await tx.query(
    `SELECT ingest_create_leaves(class, number + 1), ingest_create_leaves(class, number + 2)
     FROM ingest_generation WHERE class = $1`,
    [className],
  );
}

/**
 * Takes the generation's advisory lock exclusively, so that no ingest is under way, and raises the number. Its leaves
 * exist already. Nothing else happens under the lock.
 */
export async function raiseGeneration(tx: Tx, className: string): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(1413698373, ingest_lock_key($1))`, [className]);
  await tx.query(`UPDATE ingest_generation SET number = number + 1, rotated_at = now() WHERE class = $1`, [className]);
}
