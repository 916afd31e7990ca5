import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SQLSTATE, sqlStateOf, Transactions, type Tx } from '../../database/index.js';
import { BatchIds } from './batch-ids.js';
import { assertContiguous, partsOf, type ClaimRange } from './claim-assembly.js';
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
import { readBodies, readClaimable, takeClaim, type BatchPart, type ClaimRow } from './sql/claim.js';
import { findLedgerRows, type FoundLedgerRow } from './sql/find-ledger-rows.js';
import {
  extendLease,
  fenceLease,
  giveLeaseBack,
  LEASE_EXPIRED,
  requeueExpired,
  settleLease,
} from './sql/lease.js';
import { createNextLeaves, raiseGeneration } from './sql/rotate.js';
import { storedKey, type KeyKind } from './stored-key.js';

/** Batches of one claim at most; more only make the lists long. */
const MAX_BATCHES = 2_000;

const UNREADABLE_DELAY_MS = 1_000;

interface Leased {
  readonly row: ClaimRow;
  readonly parts: readonly BatchPart[];
  readonly bodies: Promise<ReadonlyMap<number, Buffer>>;
}

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
    return this.find(tableId, window, 'record', keys, (row) => ({
      visibilityToken: row.token,
      batchId: row.batch_id,
    }));
  }

  async findRequests(
    tableId: number,
    window: WindowClass,
    requestKeys: readonly string[],
  ): Promise<Map<string, RequestLedgerEntry>> {
    return this.find(tableId, window, 'request', requestKeys, (row) => ({
      firstToken: row.token,
      lastToken: row.token + row.record_count - 1,
      recordCount: row.record_count,
    }));
  }

  private async find<Entry>(
    tableId: number,
    window: WindowClass,
    kind: KeyKind,
    keys: readonly string[],
    entryOf: (row: FoundLedgerRow) => Entry,
  ): Promise<Map<string, Entry>> {
    const byStoredKey = new Map(keys.map((key) => [storedKey(tableId, kind, key), key]));
    const rows = await this.transactions.pooled((pool) =>
      findLedgerRows(pool, window, [...byStoredKey.keys()]),
    );
    return new Map(rows.map((row) => [byStoredKey.get(row.stored_key) ?? '', entryOf(row)]));
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
    const { row, parts, bodies } = leased;
    const claim = {
      claimId: row.claim_id,
      tenantId,
      consumer,
      attempt: row.attempt,
      afterLostLease: row.last_error === LEASE_EXPIRED,
      baseToken: row.base_token,
      lastToken: row.last_token,
      batches: [],
    };
    try {
      return { ...claim, batches: withBodies(tenantId, parts, await bodies) };
    } catch (error) {
      // The caller has no claim to give back. Where this fails too, the lease ends by itself.
      await this.nack(claim, UNREADABLE_DELAY_MS, 'the bodies could not be read').catch(() => undefined);
      throw error;
    }
  }

  /**
   * Takes the lease, again where the head moved before it was ours. The bodies are read meanwhile: those of a range that
   * nobody has published are there.
   */
  private async lease(
    tenantId: string,
    consumer: string,
    limits: ClaimLimits,
    leaseMs: number,
  ): Promise<Leased | undefined> {
    for (;;) {
      const range = await this.transactions.pooled((pool) => readClaimable(pool, tenantId, MAX_BATCHES));
      if (range === undefined) return undefined;
      const { base } = range;
      const split: ClaimRange['split'] =
        range.split === null || range.split >= limits.maxRows ? undefined : range.split;
      const parts = partsOf(range.headers, { base, split }, limits);
      if (parts.length === 0) throw new Error(`tenant ${tenantId} has tokens above ${base} but no batches`);
      const headers = parts.map(({ header }) => header);
      assertContiguous(base, headers);
      const bodies = this.transactions.pooled((pool) => readBodies(pool, headers));
      bodies.catch(() => undefined);
      try {
        const terms = { tenantId, consumer, base, leaseMs, splitRows: split, parts };
        const row = await this.transactions.single((pool) => takeClaim(pool, terms));
        return row && { row, parts, bodies };
      } catch (error) {
        if (sqlStateOf(error) !== SQLSTATE.claimHeadMoved) throw error;
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

  nack(claim: Claim, delayMs: number, cause: string, splitRows?: number): Promise<boolean> {
    return this.transactions.pooled((pool) => giveLeaseBack(pool, claim, delayMs, cause, splitRows));
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
  parts: readonly BatchPart[],
  bodies: ReadonlyMap<number, Buffer>,
): ClaimedBatch[] {
  return parts.map(({ header, fromToken, toToken, recordCount }) => {
    const body = bodies.get(header.batch_id);
    if (body === undefined) throw new Error(`batch ${header.batch_id} of tenant ${tenantId} has no body`);
    return {
      batchId: header.batch_id,
      tableId: header.table_id,
      schemaVersion: header.schema_version,
      firstToken: header.first_token,
      lastToken: header.last_token,
      fromToken,
      toToken,
      recordCount,
      skippedOrdinals: header.skipped_ordinals,
      ingestedAt: header.ingested_at,
      body,
    };
  });
}
