import { query, sql, type SqlExecutor, type Tx } from '../../../database/index.js';
import type { DeadEvent } from '../dead-event.js';
import type { EventOp } from '../ingest-bus.js';
import type { TokenRanges } from '../token-ranges.js';

/**
 * In the order of the tokens. A token that is dead already is left alone: another publication of the range came first,
 * for whose end this waits, and the head will say so.
 */
export async function insertDeadLetters(
  tx: Tx,
  tenantId: string,
  events: readonly DeadEvent[],
): Promise<void> {
  await tx.query(
    `INSERT INTO dead_letter (tenant_id, table_id, token, idempotency_key, payload, op, reason)
     SELECT $1, d.* FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[], $7::text[])
       AS d (table_id, token, key, payload, op, reason)
     ORDER BY d.token
     ON CONFLICT (tenant_id, token) DO NOTHING`,
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

export interface DeadLetterRow {
  readonly dead_letter_id: number;
  readonly table_id: number;
  readonly token: number;
  readonly idempotency_key: Buffer;
  readonly payload: Buffer;
  readonly payload_bytes: number;
  readonly op: EventOp;
  readonly reason: string;
  readonly failed_at: Date;
  readonly resolution: 'replayed' | 'discarded' | null;
  readonly replayed_token: number | null;
}

/** Columns of a dead letter, with so many bytes of its payload at most. */
const columns = (maxBytes: number) => sql`dead_letter_id, table_id, token, idempotency_key,
  substr(payload, 1, ${maxBytes}::integer) AS payload, octet_length(payload) AS payload_bytes, op, reason, failed_at,
  resolution, replayed_token`;

export interface DeadLetterFilter {
  readonly tableIds?: readonly number[] | undefined;
  readonly state?: 'dead' | 'replayed' | 'discarded' | undefined;
  /** Below this id. */
  readonly before?: number | undefined;
  readonly limit: number;
  readonly maxPayloadBytes: number;
}

/** Newest first. Takes no locks. */
export async function listDeadLetters(
  executor: SqlExecutor,
  tenantId: string,
  filter: DeadLetterFilter,
): Promise<DeadLetterRow[]> {
  const { tableIds = null, state = null, before = null, limit, maxPayloadBytes } = filter;
  return query<DeadLetterRow>(
    executor,
    sql`SELECT ${columns(maxPayloadBytes)} FROM dead_letter
        WHERE tenant_id = ${tenantId}
          AND (${before}::bigint IS NULL OR dead_letter_id < ${before}::bigint)
          AND (${tableIds}::bigint[] IS NULL OR table_id = ANY (${tableIds}::bigint[]))
          AND (${state}::text IS NULL OR coalesce(resolution, 'dead') = ${state}::text)
        ORDER BY dead_letter_id DESC LIMIT ${limit}`,
  );
}

/** By id, without their payloads. Takes no locks. */
export async function findDeadLetters(
  executor: SqlExecutor,
  tenantId: string,
  ids: readonly number[],
): Promise<DeadLetterRow[]> {
  return query<DeadLetterRow>(
    executor,
    sql`SELECT ${columns(0)} FROM dead_letter
        WHERE tenant_id = ${tenantId} AND dead_letter_id = ANY (${ids}::bigint[]) ORDER BY dead_letter_id`,
  );
}

/** Locks dead letters in the order of their ids: the first lock of a replay. */
export async function lockDeadLetters(
  tx: Tx,
  tenantId: string,
  ids: readonly number[],
): Promise<DeadLetterRow[]> {
  return query<DeadLetterRow>(
    tx,
    sql`SELECT ${columns(2 ** 31 - 1)} FROM dead_letter
        WHERE tenant_id = ${tenantId} AND dead_letter_id = ANY (${ids}::bigint[])
        ORDER BY dead_letter_id FOR UPDATE`,
  );
}

/** Of locked dead letters. */
export async function setReplayed(
  tx: Tx,
  replays: readonly { readonly deadLetterId: number; readonly token: number }[],
): Promise<void> {
  await tx.query(
    `UPDATE dead_letter d SET resolution = 'replayed', replayed_token = r.token
     FROM unnest($1::bigint[], $2::bigint[]) AS r (id, token) WHERE d.dead_letter_id = r.id`,
    [replays.map(({ deadLetterId }) => deadLetterId), replays.map(({ token }) => token)],
  );
}

/** Of locked dead letters. */
export async function setReasons(
  tx: Tx,
  reasons: readonly { readonly deadLetterId: number; readonly reason: string }[],
): Promise<void> {
  await tx.query(
    `UPDATE dead_letter d SET reason = r.reason
     FROM unnest($1::bigint[], $2::text[]) AS r (id, reason) WHERE d.dead_letter_id = r.id`,
    [reasons.map(({ deadLetterId }) => deadLetterId), reasons.map(({ reason }) => reason)],
  );
}

/** Of locked dead letters. */
export async function setDiscarded(tx: Tx, ids: readonly number[]): Promise<void> {
  await tx.query(
    `UPDATE dead_letter SET resolution = 'discarded' WHERE dead_letter_id = ANY ($1::bigint[])`,
    [ids],
  );
}
