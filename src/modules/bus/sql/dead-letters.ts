import { query, sql, type SqlExecutor, type Tx } from '../../../database/index.js';
import type { DeadEvent } from '../dead-event.js';

/** Inserts rows only, so it may come before any lock. Fails where a token is dead already. */
export async function insertDeadLetters(
  tx: Tx,
  tenantId: string,
  events: readonly DeadEvent[],
): Promise<void> {
  await tx.query(
    `INSERT INTO dead_letter (tenant_id, table_id, token, idempotency_key, payload, op, reason)
     SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $7::text[])`,
    [
      tenantId,
      events.map((event) => event.tableId),
      events.map((event) => event.token),
      events.map((event) => Buffer.from(event.key)),
      events.map((event) => Buffer.from(event.record)),
      events.map((event) => event.op),
      events.map((event) => event.reason),
    ],
  );
}

export interface FateRow {
  /** The token that was asked for. */
  readonly origin: number;
  readonly dead_letter_id: number;
  readonly resolution: 'replayed' | 'discarded' | null;
  readonly reason: string;
  readonly replayed_token: number | null;
}

/** Pairs of first and last tokens. */
export interface TokenRanges {
  readonly first: readonly number[];
  readonly last: readonly number[];
}

/** The last dead letter of each event that has any, replays of replays followed. Takes no locks. */
export async function readFates(
  executor: SqlExecutor,
  tenantId: string,
  ranges: TokenRanges,
): Promise<FateRow[]> {
  return query<FateRow>(
    executor,
    sql`WITH RECURSIVE chain AS (
          SELECT token AS origin, token, dead_letter_id, resolution, reason, replayed_token
          FROM unnest(${ranges.first}::bigint[], ${ranges.last}::bigint[]) AS r (first, last)
          JOIN dead_letter ON tenant_id = ${tenantId} AND token BETWEEN r.first AND r.last
          UNION ALL
          SELECT c.origin, d.token, d.dead_letter_id, d.resolution, d.reason, d.replayed_token
          FROM chain c JOIN dead_letter d ON d.tenant_id = ${tenantId} AND d.token = c.replayed_token
          WHERE c.resolution = 'replayed'
        )
        SELECT DISTINCT ON (origin) origin, dead_letter_id, resolution, reason, replayed_token
        FROM chain ORDER BY origin, token DESC`,
  );
}
