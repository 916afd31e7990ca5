import { query, sql, type SqlExecutor } from '../../../database/index.js';
import type { GenerationClass } from '../generations.js';

export interface GenerationRow {
  readonly class: GenerationClass;
  readonly number: number;
  /** Milliseconds since it began, by the database's clock. */
  readonly age_ms: number;
}

/** Takes no locks. */
export async function readGenerations(executor: SqlExecutor): Promise<GenerationRow[]> {
  return query<GenerationRow>(
    executor,
    sql`SELECT class, number, (extract(epoch FROM clock_timestamp() - rotated_at) * 1000)::float8 AS age_ms
        FROM ingest_generation ORDER BY class`,
  );
}

export interface LeafRow {
  readonly class: GenerationClass;
  /** `ingest_event_24h`, `ingest_batch_24h` or `ingest_body`; the leaf's name is this and its generation. */
  readonly parent: string;
  readonly generation: number;
}

/** All leaves, the oldest first. Takes no locks on them. */
export async function readLeaves(executor: SqlExecutor): Promise<LeafRow[]> {
  return query<LeafRow>(
    executor,
    sql`SELECT g.class, p.relname AS parent, substring(c.relname FROM '[0-9]+$')::int AS generation
        FROM ingest_generation g
        CROSS JOIN LATERAL unnest(CASE g.class WHEN 'body' THEN ARRAY['ingest_body']
          ELSE ARRAY['ingest_event_' || g.class, 'ingest_batch_' || g.class] END) AS n (parent)
        JOIN pg_class p ON p.oid = to_regclass(quote_ident(n.parent))
        JOIN pg_inherits i ON i.inhparent = p.oid
        JOIN pg_class c ON c.oid = i.inhrelid
        ORDER BY generation, p.relname`,
  );
}

export type LeafFate = 'dropped' | 'gone' | 'in_use' | 'busy' | 'locked';

/**
 * Drops a leaf where it is not in use; see the function in its migration. Locks the parent exclusively, and whoever
 * comes later waits: for the time given at most. One statement, to be run on the pool.
 */
export async function dropLeaf(
  executor: SqlExecutor,
  leaf: LeafRow,
  lockTimeoutMs: number,
): Promise<LeafFate> {
  const [row] = await query<{ fate: LeafFate }>(
    executor,
    sql`SELECT ingest_drop_leaf(${leaf.class}, ${leaf.parent}, ${leaf.generation}, ${lockTimeoutMs}) AS fate`,
  );
  if (row === undefined) throw new Error('the drop of a leaf answered nothing');
  return row.fate;
}
