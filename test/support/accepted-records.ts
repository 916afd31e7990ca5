import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Column } from '../../src/kernel/index.js';
import type { IngestRecord, IngestRequest } from '../../src/modules/bus/index.js';
import { encodeBody } from '../../src/modules/bus/body.js';
import { judge, unitsOf, type PlannedBatch } from '../../src/modules/bus/judgement.js';
import type { PartitionFile, WriteEngine, WriteJob } from '../../src/modules/engine/index.js';
import { prepareRecords } from '../../src/modules/ingest/prepared-records.js';
import { readBody } from '../../src/modules/ingest/sent-body.js';
import { RecordValidator } from '../../src/modules/tables/index.js';

/**
 * Takes a request's text the whole way to a Parquet file in `folder`, without a database: validation, the bus's body,
 * the write child. Tokens count from 1. Answers the file's path; rejects with the client's error.
 */
export async function writeAccepted(
  engine: WriteEngine,
  folder: string,
  columns: readonly Column[],
  sent: { readonly contentType: 'json' | 'ndjson'; readonly text: string },
): Promise<string> {
  const [file] = await writeAcceptedFiles(engine, folder, columns, sent);
  return file?.path ?? '';
}

/** As `writeAccepted`, of a job that may make several files. */
export async function writeAcceptedFiles(
  engine: WriteEngine,
  folder: string,
  columns: readonly Column[],
  sent: { readonly contentType: 'json' | 'ndjson'; readonly text: string },
  more: Partial<WriteJob> = {},
): Promise<readonly PartitionFile[]> {
  const body = readBody({ contentType: sent.contentType, bytes: Buffer.from(sent.text) });
  const records = await prepareRecords(body, new RecordValidator(columns), undefined);
  const bodyFile = join(folder, 'body.zst');
  const output = join(folder, 'out.parquet');
  await writeFile(bodyFile, encodeBody(1, batchOf(records)));
  return engine.writeParquet({
    inputs: [{ bodyFile, columns }],
    batches: [{ batchId: 1, firstToken: 1, ingestedAt: '2026-01-01T00:00:00Z' }],
    columns,
    sortBy: [],
    output,
    expectedRows: records.length,
    ...more,
  });
}

/** As the bus plans a request whose keys are all new. */
function batchOf(records: readonly IngestRecord[]): PlannedBatch {
  const request: IngestRequest = {
    tenantId: 'acme',
    tableId: 1,
    windowClass: '24h',
    schemaVersion: 1,
    catalogEpoch: 0,
    requestKey: undefined,
    records,
    revalidate: () => Promise.resolve(request),
  };
  // The rows' keys may be random text and repeat; what is tried here is the body.
  const units = unitsOf(request).map((unit, i) => ({ ...unit, storedKey: String(i) }));
  const [batch] = judge([{ request, units }], new Map()).plan.batches;
  if (batch === undefined) throw new Error('nothing was planned');
  return batch;
}
