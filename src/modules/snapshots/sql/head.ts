import { prepared, query, sql, type SqlExecutor, type Tx } from '../../../database/index.js';

export interface Head {
  readonly snapshotId: number;
  readonly publishedToken: number;
  readonly sequenceNumber: number;
}

interface HeadRow {
  readonly snapshot_id: number;
  readonly published_token: number;
  readonly last_sequence_number: number;
}

const toHead = (row: HeadRow): Head => ({
  snapshotId: row.snapshot_id,
  publishedToken: row.published_token,
  sequenceNumber: row.last_sequence_number,
});

/** Locks the tenant's head to the end of the transaction: the first lock of every publication. */
export async function lockHead(tx: Tx, tenantId: string): Promise<Head> {
  const [row] = await query<HeadRow>(
    tx,
    prepared('lock_head')`SELECT snapshot_id, published_token, last_sequence_number FROM tenant_head
        WHERE tenant_id = ${tenantId} FOR UPDATE`,
  );
  if (row === undefined) throw new Error(`tenant ${tenantId} has no head`);
  return toHead(row);
}

/** The watermark and the clock of a tenant, without a lock. */
export async function readProgress(
  executor: SqlExecutor,
  tenantId: string,
): Promise<{ publishedToken: number; snapshotId: number; lastToken: number } | undefined> {
  const [row] = await query<HeadRow & { last_token: number }>(
    executor,
    prepared('read_progress')`SELECT h.snapshot_id, h.published_token, h.last_sequence_number, c.last_token
        FROM tenant_head h JOIN tenant_clock c USING (tenant_id) WHERE h.tenant_id = ${tenantId}`,
  );
  return row && { ...toHead(row), lastToken: row.last_token };
}

export interface SchemaSnapshot {
  readonly tenantId: string;
  readonly publicationId: string;
  readonly createdBy: string;
  readonly summary: Record<string, unknown>;
}

/**
 * Inserts a schema snapshot as the child of the locked head, with the head's token, and makes it the head. Its time is
 * the database's, and later than its parent's by a millisecond at least. Answers its id.
 *
 * `publish_append` continues the chain by the same rules, inside of the one call that a commit makes: a test holds the
 * two to one another.
 */
export async function advanceHead(tx: Tx, head: Head, next: SchemaSnapshot): Promise<number> {
  const [row] = await query<{ snapshot_id: number }>(
    tx,
    prepared('advance_head')`WITH s AS (
          INSERT INTO snapshot (tenant_id, parent_snapshot_id, operation, max_visibility_token, sequence_number,
                                publication_id, created_at, created_by, summary)
          SELECT p.tenant_id, p.snapshot_id, 'schema', ${head.publishedToken}, ${head.sequenceNumber + 1},
                 ${next.publicationId}, greatest(clock_timestamp(), p.created_at + interval '1 millisecond'),
                 ${next.createdBy}, ${JSON.stringify(next.summary)}::jsonb
          FROM snapshot p WHERE p.snapshot_id = ${head.snapshotId}
          RETURNING snapshot_id, sequence_number
        )
        UPDATE tenant_head h SET snapshot_id = s.snapshot_id, last_sequence_number = s.sequence_number
        FROM s WHERE h.tenant_id = ${next.tenantId}
        RETURNING s.snapshot_id`,
  );
  if (row === undefined) throw new Error(`the head of tenant ${next.tenantId} has no snapshot`);
  return row.snapshot_id;
}

/** The snapshot of a publication. Lock the head first where the answer must be final. */
export async function findPublication(
  executor: SqlExecutor,
  publicationId: string,
): Promise<number | undefined> {
  const [row] = await query<{ snapshot_id: number }>(
    executor,
    sql`SELECT snapshot_id FROM snapshot WHERE publication_id = ${publicationId}`,
  );
  return row?.snapshot_id;
}
