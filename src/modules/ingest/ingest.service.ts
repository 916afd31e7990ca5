import { Inject, Injectable } from '@nestjs/common';
import { freeBuffer } from '../../kernel/index.js';
import { settingsOf, type Settings } from '../../config/index.js';
import type { IngestBody } from '../../http/index.js';
import { INGEST_BUS, type IngestAck, type IngestBus, type IngestRequest } from '../bus/index.js';
import { PendingLimit } from '../tenancy/index.js';
import { VisibilityWaiter } from '../snapshots/index.js';
import { TableRegistry, type IngestTable } from '../tables/index.js';
import { readIngestOptions } from './ingest-options.js';
import { Learning } from './learning.js';
import { readBody } from './sent-body.js';

export interface IngestCall {
  readonly tenantId: string;
  readonly tableName: string;
  /** The key that writes. */
  readonly keyId: string;
  readonly body: IngestBody;
  /** The `Idempotency-Key` header. */
  readonly requestKey: string | undefined;
  readonly queryString: Readonly<Record<string, unknown>>;
  /** Ends the wait for visibility; the write stands. Asked for only where there is a wait: most requests have none. */
  readonly untilGone: () => AbortSignal;
}

export interface IngestOutcome extends IngestAck {
  /** Present when the request waited. */
  readonly waited?: {
    /** How long it was willing to wait, cut at the maximum. */
    readonly timeoutMs: number;
    /** The snapshot that shows the write; undefined when the time ran out. */
    readonly snapshotId: number | undefined;
  };
}

/** From the bytes of a request to its receipt. */
@Injectable()
export class IngestService {
  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(TableRegistry) private readonly tables: TableRegistry,
    @Inject(Learning) private readonly learning: Learning,
    @Inject(PendingLimit) private readonly pendingLimit: PendingLimit,
    @Inject(VisibilityWaiter) private readonly waiter: VisibilityWaiter,
    @Inject(settingsOf('visibility')) private readonly settings: Settings['visibility'],
  ) {}

  /** When it resolves the events are durable. Rejects with the client's error, and then nothing was kept. */
  async ingest(call: IngestCall): Promise<IngestOutcome> {
    const { tenantId, tableName } = call;
    const checking = this.pendingLimit.check(tenantId);
    if (checking !== undefined) await checking;
    const table =
      this.tables.cached(tenantId, tableName) ?? (await this.tables.forIngest(tenantId, tableName));
    const body = readBody(call.body);
    const options = readIngestOptions(body.options, call.queryString, this.settings);
    const { wait, timeoutMs, quarantine } = options;
    const kept = await this.append(await this.request(call, table, quarantine, body), call.body);
    const ack = quarantine ? { quarantinedCount: 0, ...kept } : kept;
    this.pendingLimit.acknowledged(tenantId, ack.maxVisibilityToken);
    if (!wait) return ack;
    const visible = await this.waiter.waitFor(tenantId, ack.maxVisibilityToken, timeoutMs, call.untilGone());
    return { ...ack, waited: { timeoutMs, snapshotId: visible?.snapshotId } };
  }

  /** The bytes of the request are kept for as long as it may have to be read again. */
  private async append(request: IngestRequest, body: IngestBody): ReturnType<IngestBus['append']> {
    try {
      return await this.bus.append(request);
    } finally {
      freeBuffer(body.bytes);
    }
  }

  private async request(
    call: IngestCall,
    known: IngestTable,
    quarantine: boolean,
    body = readBody(call.body),
  ): Promise<IngestRequest> {
    const { tenantId, tableName, requestKey } = call;
    const { table, records, repeats } = await this.learning.prepare({ ...call, quarantine }, known, body);
    const { tableId, windowClass, schemaVersion, catalogEpoch } = table;
    // The records were changed into their body's form, so the bytes are read again.
    const revalidate = async () =>
      this.request(call, await this.tables.refresh(tenantId, tableName), quarantine);
    return {
      tenantId,
      tableId,
      windowClass,
      schemaVersion,
      catalogEpoch,
      requestKey,
      records,
      ...(repeats !== undefined && repeats.size > 0 && { repeats }),
      revalidate,
    };
  }
}
