import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Transactions, type Tx } from '../../database/index.js';
import { BatchIds } from './batch-ids.js';
import { assertContiguous, cutToLimits } from './claim-assembly.js';
import { GroupCommitter } from './commit-group.js';
import { GroupCommit } from './group-commit.js';
import type {
  Backlog,
  Claim,
  ClaimedBatch,
  ClaimLimits,
  IngestAck,
  IngestBus,
  IngestRequest,
  LedgerEntry,
  RequestLedgerEntry,
  WindowClass,
} from './ingest-bus.js';
import { readBacklog } from './sql/backlog.js';
import {
  readBodies,
  readHeaders,
  readRange,
  takeLease,
  writeClaimItems,
  type ClaimRow,
  type HeaderRow,
} from './sql/claim.js';
import { findLedgerRows } from './sql/find-ledger-rows.js';
import { extendLease, fenceLease, giveLeaseBack, requeueExpired, settleLease } from './sql/lease.js';
import { createNextLeaves, raiseGeneration } from './sql/rotate.js';
import { storedKey } from './stored-key.js';

/** Batches of one claim at most; more only make the lists long. */
const MAX_BATCHES = 2_000;

const UNREADABLE_DELAY_MS = 1_000;

class HeadMoved extends Error {}

/** The bus in Postgres: ledger, headers and bodies in partitioned tables, claims as rows with leases. */
@Injectable()
export class PostgresIngestBus implements IngestBus {
  private readonly groups: GroupCommit;

  constructor(
    @Inject(DataSource) dataSource: DataSource,
    @Inject(Transactions) private readonly transactions: Transactions,
  ) {
    const committer = new GroupCommitter(dataSource, new BatchIds(dataSource));
    this.groups = new GroupCommit((group) => committer.commit(group));
  }

  append(request: IngestRequest): Promise<IngestAck> {
    return this.groups.submit(request);
  }

  async findRecords(
    tableId: number,
    window: WindowClass,
    keys: readonly string[],
  ): Promise<Map<string, LedgerEntry>> {
    const byStoredKey = new Map(keys.map((key) => [storedKey(tableId, 'record', key), key]));
    const rows = await this.transactions.pooled((pool) =>
      findLedgerRows(pool, window, [...byStoredKey.keys()]),
    );
    return new Map(
      rows.map((row) => [
        byStoredKey.get(row.stored_key) ?? '',
        { visibilityToken: row.token, batchId: row.batch_id },
      ]),
    );
  }

  async findRequest(
    tableId: number,
    window: WindowClass,
    requestKey: string,
  ): Promise<RequestLedgerEntry | undefined> {
    const key = storedKey(tableId, 'request', requestKey);
    const [row] = await this.transactions.pooled((pool) => findLedgerRows(pool, window, [key]));
    return (
      row && {
        firstToken: row.token,
        lastToken: row.token + row.record_count - 1,
        recordCount: row.record_count,
      }
    );
  }

  async backlog(): Promise<Backlog[]> {
    const rows = await this.transactions.pooled((pool) => readBacklog(pool));
    return rows.map((row) => ({
      tenantId: row.tenant_id,
      publishedToken: row.published_token,
      lastToken: row.last_token,
      pendingEvents: row.pending_events,
      pendingBytes: row.pending_bytes,
      oldestAgeMs: row.oldest_age_ms,
    }));
  }

  async claim(
    tenantId: string,
    consumer: string,
    limits: ClaimLimits,
    leaseMs: number,
  ): Promise<Claim | undefined> {
    const leased = await this.lease(tenantId, consumer, limits, leaseMs);
    if (leased === undefined) return undefined;
    const { row, headers } = leased;
    const claim = {
      claimId: row.claim_id,
      tenantId,
      consumer,
      attempt: row.attempt,
      baseToken: row.base_token,
      lastToken: row.last_token,
      batches: [],
    };
    try {
      const bodies = await this.transactions.pooled((pool) => readBodies(pool, headers));
      return { ...claim, batches: withBodies(tenantId, headers, bodies) };
    } catch (error) {
      // The caller has no claim to give back. Where this fails too, the lease ends by itself.
      await this.nack(claim, UNREADABLE_DELAY_MS, 'the bodies could not be read').catch(() => undefined);
      throw error;
    }
  }

  /** Takes the lease in a transaction of its own; again where the head moved before the lease was ours. */
  private async lease(
    tenantId: string,
    consumer: string,
    limits: ClaimLimits,
    leaseMs: number,
  ): Promise<{ row: ClaimRow; headers: HeaderRow[] } | undefined> {
    for (;;) {
      try {
        return await this.transactions.write(async (tx) => {
          const range = await readRange(tx, tenantId);
          if (range === undefined || range.clock <= range.base) return undefined;
          const headers = cutToLimits(await readHeaders(tx, tenantId, range, MAX_BATCHES), limits);
          const last = headers.at(-1)?.last_token;
          if (last === undefined)
            throw new Error(`tenant ${tenantId} has tokens above ${range.base} but no batches`);
          assertContiguous(range.base, headers);
          const row = await takeLease(tx, { tenantId, consumer, base: range.base, last, leaseMs });
          if (row === undefined) return undefined;
          // From here on nobody else can publish for this tenant. Somebody may have, since the range was read.
          if ((await readRange(tx, tenantId))?.base !== range.base) throw new HeadMoved();
          await writeClaimItems(tx, row.claim_id, headers);
          return { row, headers };
        });
      } catch (error) {
        if (!(error instanceof HeadMoved)) throw error;
      }
    }
  }

  extendLease(claim: Claim, leaseMs: number): Promise<boolean> {
    return this.transactions.pooled((pool) => extendLease(pool, claim, leaseMs));
  }

  fence(tx: Tx, claim: Claim): Promise<boolean> {
    return fenceLease(tx, claim);
  }

  ack(claim: Claim): Promise<boolean> {
    return this.transactions.pooled((pool) => settleLease(pool, claim));
  }

  nack(claim: Claim, delayMs: number, cause: string): Promise<boolean> {
    return this.transactions.pooled((pool) => giveLeaseBack(pool, claim, delayMs, cause));
  }

  requeueExpired(): Promise<number> {
    return this.transactions.pooled((pool) => requeueExpired(pool));
  }

  async rotate(className: WindowClass | 'body'): Promise<void> {
    const current = await this.transactions.write((tx) => createNextLeaves(tx, className));
    await this.transactions.pooled((pool) => raiseGeneration(pool, className, current));
  }
}

function withBodies(
  tenantId: string,
  headers: readonly HeaderRow[],
  bodies: ReadonlyMap<number, Buffer>,
): ClaimedBatch[] {
  return headers.map((header) => {
    const body = bodies.get(header.batch_id);
    if (body === undefined) throw new Error(`batch ${header.batch_id} of tenant ${tenantId} has no body`);
    return {
      batchId: header.batch_id,
      tableId: header.table_id,
      schemaVersion: header.schema_version,
      firstToken: header.first_token,
      lastToken: header.last_token,
      recordCount: header.record_count,
      ingestedAt: header.ingested_at,
      body,
    };
  });
}
