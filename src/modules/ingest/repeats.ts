import { Inject, Injectable } from '@nestjs/common';
import { INGEST_BUS, type IngestBus } from '../bus/index.js';
import { isJsonObject, type IngestTable } from '../tables/index.js';
import type { SentBody } from './sent-body.js';
import { isIdempotencyKey } from './sent-record.js';

/** Tells which records of a request the ledger has seen: they are judged by it alone, whatever the schema is now. */
@Injectable()
export class Repeats {
  constructor(@Inject(INGEST_BUS) private readonly bus: IngestBus) {}

  /** Those of `positions` (all, where it is undefined) whose keys are in the ledger, with whatever content. */
  async among(
    { tableId, windowClass }: IngestTable,
    { records }: SentBody,
    requestKey: string | undefined,
    positions: readonly number[] = [...records.keys()],
  ): Promise<ReadonlySet<number>> {
    const keys = new Map(positions.map((position) => [position, keyOf(records[position])]));
    const own = [...new Set(keys.values())].filter((key) => key !== undefined);
    const covers = requestKey !== undefined && own.length < keys.size;
    const [found, covering] = await Promise.all([
      this.bus.findRecords(tableId, windowClass, own),
      covers ? this.bus.findRequests(tableId, windowClass, [requestKey]) : undefined,
    ]);
    const isCovered = covering !== undefined && covering.size > 0;
    const isKnown = (key: string | undefined) => (key === undefined ? isCovered : found.has(key));
    return new Set(positions.filter((position) => isKnown(keys.get(position))));
  }
}

function keyOf(sent: unknown): string | undefined {
  const key = isJsonObject(sent) ? sent.idempotency_key : undefined;
  return isIdempotencyKey(key) ? key : undefined;
}
