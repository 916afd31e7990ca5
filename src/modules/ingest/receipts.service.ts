import { Inject, Injectable } from '@nestjs/common';
import { INGEST_BUS, type IngestBus } from '../bus/index.js';
import { ReceiptLocator, type EventLocation } from '../snapshots/index.js';
import { TableRegistry } from '../tables/index.js';

/** What became of one record. `unknown`: the key was not seen in its window. */
export type Receipt = { readonly key: string } & (
  { readonly state: 'unknown' } | ({ readonly visibilityToken: number } & EventLocation)
);

/** What became of one request. It is visible when its last record is. */
export type RequestReceipt = { readonly requestKey: string } & (
  | { readonly state: 'unknown' }
  | ({
      readonly firstToken: number;
      readonly lastToken: number;
      readonly recordCount: number;
    } & EventLocation)
);

@Injectable()
export class ReceiptsService {
  constructor(
    @Inject(INGEST_BUS) private readonly bus: IngestBus,
    @Inject(TableRegistry) private readonly tables: TableRegistry,
    @Inject(ReceiptLocator) private readonly locator: ReceiptLocator,
  ) {}

  /** One for each key, in order. Rejects with TABLE_NOT_FOUND. */
  async ofRecords(tenantId: string, tableName: string, keys: readonly string[]): Promise<Receipt[]> {
    const { tableId, windowClass } = await this.tables.forIngest(tenantId, tableName);
    const entries = await this.bus.findRecords(tableId, windowClass, [...new Set(keys)]);
    const tokens = [...entries.values()].map((entry) => entry.visibilityToken);
    const locations = await this.locate(tenantId, tableId, tokens);
    return keys.map((key) => {
      const token = entries.get(key)?.visibilityToken;
      const location = token === undefined ? undefined : locations.get(token);
      return token === undefined || location === undefined
        ? { key, state: 'unknown' }
        : { key, visibilityToken: token, ...location };
    });
  }

  /** Rejects with TABLE_NOT_FOUND. */
  async ofRequest(tenantId: string, tableName: string, requestKey: string): Promise<RequestReceipt> {
    const { tableId, windowClass } = await this.tables.forIngest(tenantId, tableName);
    const entry = await this.bus.findRequest(tableId, windowClass, requestKey);
    if (entry === undefined) return { requestKey, state: 'unknown' };
    const location = (await this.locate(tenantId, tableId, [entry.lastToken])).get(entry.lastToken);
    return { requestKey, ...entry, ...(location ?? { state: 'accepted' }) };
  }

  private async locate(
    tenantId: string,
    tableId: number,
    tokens: readonly number[],
  ): Promise<Map<number, EventLocation>> {
    return tokens.length === 0 ? new Map() : this.locator.locate(tenantId, tableId, tokens);
  }
}
