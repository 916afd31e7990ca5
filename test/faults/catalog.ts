import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { LetterLine, SnapshotLine } from './history.js';

export interface Progress {
  readonly tenant: string;
  readonly published: number;
  readonly clock: number;
}

export interface FileRow {
  readonly path: string;
  readonly state: string;
  readonly size: number;
  readonly sha256: string;
}

const RETRY_MS = 100;

/** The catalog from outside: a connection of the harness's own, past the proxies, opened again when it is lost. */
export class Catalog {
  private readonly url: string;
  private client: pg.Client | undefined;

  constructor(url: string) {
    this.url = url;
  }

  async progress(tenants: readonly string[]): Promise<Progress[]> {
    const rows = await this.query<{ tenant_id: string; published_token: string; last_token: string }>(
      `SELECT tenant_id, published_token, last_token FROM tenant_head JOIN tenant_clock USING (tenant_id)
       WHERE tenant_id = ANY ($1)`,
      [tenants],
    );
    return rows.map((row) => ({
      tenant: row.tenant_id,
      published: Number(row.published_token),
      clock: Number(row.last_token),
    }));
  }

  async chain(tenant: string): Promise<SnapshotLine[]> {
    const rows = await this.query<Record<string, string | boolean | null>>(
      `SELECT s.snapshot_id, s.parent_snapshot_id, s.sequence_number, s.max_visibility_token, s.operation, s.created_by,
              h.snapshot_id = s.snapshot_id AS is_head,
              (SELECT min(c.consumer) FROM snapshot_file f JOIN data_file d USING (file_id)
               JOIN ingest_claim_batch c ON c.claim_id = d.claim_id AND c.state = 'acked'
               WHERE f.snapshot_id = s.snapshot_id AND f.change = 'add') AS holder
       FROM snapshot s JOIN tenant_head h USING (tenant_id) WHERE s.tenant_id = $1 ORDER BY s.snapshot_id`,
      [tenant],
    );
    return rows.map((row) => ({
      id: Number(row.snapshot_id),
      parent: row.parent_snapshot_id === null ? null : Number(row.parent_snapshot_id),
      sequence: Number(row.sequence_number),
      watermark: Number(row.max_visibility_token),
      operation: String(row.operation),
      by: String(row.created_by),
      holder: row.holder === null ? null : String(row.holder),
      isHead: row.is_head === true,
    }));
  }

  async deadLetters(tenant: string): Promise<LetterLine[]> {
    const rows = await this.query<{
      id: string;
      key: Buffer;
      token: string;
      state: LetterLine['state'];
      replayed: string | null;
    }>(
      `SELECT dead_letter_id AS id, idempotency_key AS key, token, coalesce(resolution, 'dead') AS state,
              replayed_token AS replayed
       FROM dead_letter WHERE tenant_id = $1 ORDER BY token`,
      [tenant],
    );
    return rows.map(({ id, key, token, state, replayed }) => ({
      id: Number(id),
      key: key.toString(),
      token: Number(token),
      state,
      replayedToken: replayed === null ? null : Number(replayed),
    }));
  }

  /** The body of a batch of one of the tables that no snapshot has yet. */
  async waitingBody(
    tenants: readonly string[],
    tables: readonly string[],
  ): Promise<{ batchId: string; tenant: string; body: Buffer } | undefined> {
    const [row] = await this.query<{ batchId: string; tenant: string; body: Buffer }>(
      `SELECT b.batch_id AS "batchId", b.tenant_id AS tenant, y.body
       FROM tenant_head h JOIN ingest_batch b ON b.tenant_id = h.tenant_id AND b.last_token > h.published_token
       JOIN table_def d USING (table_id) JOIN ingest_body y ON y.batch_id = b.batch_id AND y.generation = b.body_generation
       WHERE h.tenant_id = ANY ($1) AND d.table_name = ANY ($2) AND b.first_token > h.published_token
         AND cardinality(b.skipped_ordinals) < b.last_token - b.first_token + 1
       ORDER BY b.last_token DESC LIMIT 1`,
      [tenants, tables],
    );
    return row;
  }

  async replaceBody(batchId: string, body: Buffer): Promise<void> {
    await this.query(`UPDATE ingest_body SET body = $2 WHERE batch_id = $1`, [batchId, body]);
  }

  async files(tenant: string): Promise<FileRow[]> {
    return (
      await this.query<{ path: string; state: string; size: string; sha256: string }>(
        `SELECT path, file_size_bytes AS size, encode(sha256, 'hex') AS sha256,
                -- Swept before it was ever live.
                CASE WHEN state = 'removed' AND NOT EXISTS (SELECT FROM file_span s WHERE s.file_id = f.file_id)
                     THEN 'swept' ELSE state END AS state
         FROM data_file f WHERE tenant_id = $1`,
        [tenant],
      )
    ).map((row) => ({ ...row, size: Number(row.size) }));
  }

  /** The tenant's open claim. `isFree`: anyone may take it now. */
  async claim(tenant: string): Promise<{ state: string; attempt: number; isFree: boolean } | undefined> {
    const [row] = await this.query<{ state: string; attempt: number; isFree: boolean }>(
      `SELECT state, attempt, coalesce(next_attempt_at <= clock_timestamp(), lease_until < clock_timestamp()) AS "isFree"
       FROM ingest_claim_batch WHERE tenant_id = $1 AND state <> 'acked'`,
      [tenant],
    );
    return row;
  }

  /** What garbage collection does to a pending row whose grace time is over. Answers how many there were. */
  async sweepPendingFiles(): Promise<number> {
    const rows = await this.query(
      `UPDATE data_file SET state = 'removed' WHERE state = 'pending' RETURNING file_id`,
      [],
    );
    return rows.length;
  }

  /** Retries while Postgres is away. */
  async query<Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const giveUpAt = performance.now() + 60_000;
    for (;;) {
      try {
        this.client ??= await this.connect();
        return (await this.client.query<Row>(text, [...values])).rows;
      } catch (error) {
        await this.close();
        if (performance.now() > giveUpAt) throw error;
        await delay(RETRY_MS);
      }
    }
  }

  async close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.url,
      connectionTimeoutMillis: 3_000,
      query_timeout: 10_000,
    });
    // Told by the query that fails.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }
}
