import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { foldRange } from '../../src/modules/engine/children/range-fold.js';
import { openInstance, type OpenInstance } from '../../src/modules/engine/children/instance.js';
import type { KeyedWriteJob } from '../../src/modules/engine/index.js';
import { columnsOf, testFolder, type TestFolder, writeBody } from '../support/engine.js';

let folder: TestFolder;
let instance: OpenInstance;

beforeEach(async () => {
  folder = await testFolder();
  instance = await openInstance({
    threads: 1,
    memoryLimitBytes: 256 * 1024 * 1024,
    tempDirectory: null,
    maxTempBytes: 0,
  });
});
afterEach(async () => {
  instance.close();
  await folder.remove();
});

/** A range of a keyed table in two partitions: a job that needs every table that jobs make. */
async function job(): Promise<KeyedWriteJob> {
  const columns = columnsOf({ id: 'long', part: 'string' });
  const bodyFile = join(folder.path, 'body.zst');
  await writeBody(
    bodyFile,
    ['a', 'b', 'a'].map((part, o) => ({ b: 1, o, k: `k${o}`, p: { id: o, part } })),
  );
  return {
    inputs: [{ bodyFile, columns }],
    batches: [{ batchId: 1, firstToken: 1, ingestedAt: '2026-01-02T03:04:05.678901Z' }],
    columns,
    key: columns.slice(0, 1),
    sortBy: [],
    partitionBy: [{ field_id: 1000, source_id: 6, transform: 'identity' }],
    maxFiles: 64,
    output: join(folder.path, 'out.parquet'),
    deletesOutput: join(folder.path, 'deletes.parquet'),
  };
}

/** What an instance that is kept from job to job would go on to hold in memory. */
async function tables(): Promise<unknown[]> {
  const reader = await instance.connection.runAndReadAll('SELECT table_name FROM duckdb_tables() ORDER BY 1');
  return reader.getRows().flat();
}

describe('the instance of a write child', () => {
  it('holds no table of a job that was done', async () => {
    const { data } = await foldRange(instance.connection, await job());
    expect(data.map(({ rowCount }) => rowCount)).toEqual([2, 1]);
    expect(await tables()).toEqual([]);
  });

  it('holds none of a job that failed while its file was taken apart', async () => {
    await mkdir(join(folder.path, 'out-2.parquet'));
    await expect(foldRange(instance.connection, await job())).rejects.toThrow('out-2.parquet');
    expect(await tables()).toEqual([]);
  });
});
