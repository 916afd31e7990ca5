import { promisify } from 'node:util';
import { zstdCompress } from 'node:zlib';
import { ApiError, type ApiClient } from './api-client.js';
import { batchesOf, type Batch, type Dataset } from './datasets.js';
import type { Progress } from './progress.js';

/** What came of loading one dataset. */
export interface Loaded {
  readonly accepted: number;
  readonly duplicates: number;
  readonly seconds: number;
  readonly sentBytes: number;
  /** Queries that name it see all that was loaded. */
  readonly maxToken: number;
}

interface IngestAnswer {
  readonly accepted_count: number;
  readonly duplicate_count: number;
  readonly max_visibility_token: number;
}

const IN_FLIGHT = 4;
const RECORDS_PER_BATCH = 2_500;

const compress = promisify(zstdCompress);

/** Creates the dataset's table. False: it was there already. */
export async function createTable(admin: ApiClient, { table, columns }: Dataset): Promise<boolean> {
  try {
    // The longest window, so that a run next week still finds its records there.
    const body = { table_name: table, schema: { columns }, idempotency_window: '30d' };
    await admin.post('/v1/tables', { body });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'TABLE_ALREADY_EXISTS') return false;
    throw error;
  }
}

/** Sends all batches, four at a time. */
export async function load(writer: ApiClient, dataset: Dataset, progress: Progress): Promise<Loaded> {
  const startedAt = performance.now();
  const total = { accepted: 0, duplicates: 0, sentBytes: 0, maxToken: 0 };
  const batches = batchesOf(dataset, RECORDS_PER_BATCH);
  const send = async () => {
    // The generator is shared: each takes the next batch that nobody has.
    for (const batch of batches) {
      const { answer, sentBytes } = await sendBatch(writer, dataset.table, batch);
      total.accepted += answer.accepted_count;
      total.duplicates += answer.duplicate_count;
      total.sentBytes += sentBytes;
      total.maxToken = Math.max(total.maxToken, answer.max_visibility_token);
      progress.add(batch.count);
    }
  };
  progress.start(dataset.table, dataset.lines.length);
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, send));
  } finally {
    progress.stop();
  }
  return { ...total, seconds: (performance.now() - startedAt) / 1000 };
}

async function sendBatch(
  writer: ApiClient,
  table: string,
  { key, ndjson }: Batch,
): Promise<{ answer: IngestAnswer; sentBytes: number }> {
  const bytes = await compress(ndjson);
  const answer = await writer.post<IngestAnswer>(`/v1/ingest/${table}`, {
    bytes,
    headers: { 'Content-Type': 'application/x-ndjson', 'Content-Encoding': 'zstd', 'Idempotency-Key': key },
  });
  return { answer, sentBytes: bytes.length };
}
