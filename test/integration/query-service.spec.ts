import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { AppError } from '../../src/kernel/index.js';
import type { DuckDbQueryEngine } from '../../src/modules/engine/query-engine.duckdb.js';
import { QueryService, type QueryRequest } from '../../src/modules/query/index.js';
import type {
  ResolutionObserver,
  SnapshotDataFile,
  SnapshotFiles,
  SnapshotResolver,
  UploadedFile,
} from '../../src/modules/snapshots/index.js';
import { type FileCache, ObjectNotFoundError } from '../../src/modules/storage/index.js';
import type { SnapshotTable, TableCatalog } from '../../src/modules/tables/index.js';
import { columnsOf, newQueryEngine, testFolder, type TestFolder } from '../support/engine.js';
import { until } from '../support/until.js';

const SNAPSHOT = {
  snapshotId: 7,
  tenantId: 'acme',
  createdAt: new Date('2026-01-01T00:00:00Z'),
  maxVisibilityToken: 5,
  sequenceNumber: 1,
};
const SLOW = 'SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE hash(a.range + b.range) = 1';

let folder: TestFolder;
let engine: DuckDbQueryEngine;

beforeAll(async () => {
  folder = await testFolder();
  engine = newQueryEngine();
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  for (const file of ['a', 'b']) {
    const path = join(folder.path, `${file}.parquet`);
    await connection.run(
      `COPY (SELECT '${file}' AS name) TO '${path}' (FORMAT parquet, FIELD_IDS {name: 5})`,
    );
  }
  connection.closeSync();
  instance.closeSync();
});

afterAll(async () => {
  await engine.close();
  await folder.remove();
});

/** A service whose catalog has `events`, of files `a` and `b`, and `users`, of none. */
function serviceOver(missing: readonly string[] = []) {
  const held = new Set<string>();
  const asked: number[][] = [];
  const file = (name: string, fileId: number): SnapshotDataFile => ({
    fileId,
    tableId: 1,
    key: name,
    sizeBytes: 100,
    sha256: '',
    recordCount: 1,
    schemaVersion: 1,
    content: 'data',
    sequenceNumber: fileId,
    minToken: 1,
    maxToken: 1,
    keyStats: null,
  });
  const resolver = { resolve: () => Promise.resolve(SNAPSHOT) };
  const files = {
    liveFiles: (_: unknown, tableIds: readonly number[]) => {
      asked.push([...tableIds]);
      return Promise.resolve(new Map(tableIds.includes(1) ? [[1, [file('a', 1), file('b', 2)]]] : []));
    },
  };
  const catalog = {
    tablesAt: () =>
      Promise.resolve([
        {
          tableId: 1,
          tableName: 'events',
          schemaVersion: 1,
          columns: columnsOf({ name: 'string' }),
          key: [],
        },
        { tableId: 2, tableName: 'users', schemaVersion: 1, columns: columnsOf({ id: 'long' }), key: [] },
      ]),
  };
  const cache = {
    acquire: ({ key }: { key: string }) => {
      if (missing.includes(key)) return Promise.reject(new ObjectNotFoundError(key));
      held.add(key);
      return Promise.resolve({
        path: join(folder.path, `${key}.parquet`),
        release: () => void held.delete(key),
      });
    },
  };
  const service = new QueryService(
    engine,
    resolver as unknown as SnapshotResolver,
    files as unknown as SnapshotFiles,
    catalog as unknown as TableCatalog,
    cache as unknown as FileCache,
    { timeoutMs: 20_000, maxRows: 10, maxBytes: 1_000_000 },
  );
  return { service, held, asked };
}

const request = (sql: string, more: Partial<QueryRequest> = {}): QueryRequest => ({
  tenantId: 'acme',
  sql,
  params: [],
  snapshot: { kind: 'latest' },
  rowLimit: undefined,
  timeoutMs: undefined,
  signal: new AbortController().signal,
  ...more,
});

async function codeOf(query: Promise<unknown>): Promise<string> {
  const error: unknown = await query.catch((caught: unknown) => caught);
  if (!(error instanceof AppError)) throw new Error(`expected an AppError, not ${String(error)}`);
  return error.code;
}

describe('QueryService', () => {
  it('reads the files of the tables that the statement names, and gives them back', async () => {
    const { service, held, asked } = serviceOver();
    const answer = await service.query(request('SELECT name FROM events ORDER BY name'));
    expect(answer.result.rows).toEqual([['a'], ['b']]);
    expect(answer).toMatchObject({ snapshot: SNAPSHOT, scannedFiles: 2, scannedBytes: 200 });
    expect(asked).toEqual([[1]]);
    expect(held.size).toBe(0);
  });

  it('reads no file for what needs none', async () => {
    const { service, asked } = serviceOver();
    expect((await service.query(request('FROM users'))).result.rows).toEqual([]);
    const listed = await service.query(
      request('SELECT table_name FROM information_schema.tables ORDER BY 1'),
    );
    expect(listed.result.rows).toEqual([['events'], ['users']]);
    expect(listed.scannedFiles).toBe(0);
    expect(asked).toEqual([[2]]);
  });

  it('cuts the row limit and the timeout to those of the server', async () => {
    const { service } = serviceOver();
    const { result } = await service.query(request('FROM range(100)', { rowLimit: 50 }));
    expect([result.rows.length, result.truncated]).toEqual([10, true]);
    expect(await codeOf(service.query(request(SLOW, { timeoutMs: 200 })))).toBe('QUERY_TIMEOUT');
  });

  it('refuses a table that is not of the tenant as invalid', async () => {
    const { service, asked } = serviceOver();
    expect(await codeOf(service.query(request('FROM payments')))).toBe('SQL_INVALID');
    expect(asked).toEqual([]);
  });

  it('says that the snapshot has expired when an object is gone, and holds no file', async () => {
    const { service, held } = serviceOver(['b']);
    expect(await codeOf(service.query(request('FROM events')))).toBe('SNAPSHOT_EXPIRED');
    expect(held.size).toBe(0);
  });

  it('gives the files back when the statement fails, and when the client goes away', async () => {
    const { service, held } = serviceOver();
    expect(await codeOf(service.query(request('SELECT CAST(name AS INTEGER) FROM events')))).toBe(
      'SQL_INVALID',
    );
    const gone = new AbortController();
    const query = service.query(request(`SELECT (${SLOW}) FROM events`, { signal: gone.signal }));
    query.catch(() => undefined);
    await until('the files to be held', 30_000, () => held.size === 2);
    gone.abort(new Error('gone'));
    await expect(query).rejects.toThrow('gone');
    expect(held.size).toBe(0);
  });
});

describe('while the snapshot is waited for', () => {
  const table = (tableName: string, schemaVersion = 1): SnapshotTable => ({
    tableId: 1,
    tableName,
    schemaVersion,
    key: [],
    columns: columnsOf({ name: 'string', ...(schemaVersion > 1 && { added: 'long' }) }),
  });

  /** Snapshot 7 comes after snapshot 6; of each the name of its files. `done` holds 7 back until 6 was worked on. */
  function waitingService(
    tables: Record<6 | 7, SnapshotTable[]>,
    files: Record<6 | 7, string[]>,
    missing: string[] = [],
    uploaded: UploadedFile[] = [],
  ) {
    const held = new Map<string, number>();
    const taken: string[] = [];
    const gates: string[] = [];
    let done: () => void = () => undefined;
    const workedOn = new Promise<void>((resolve) => (done = resolve));
    const resolver = {
      resolve: async (_: string, __: unknown, ___: unknown, observer: ResolutionObserver) => {
        observer.waiting?.(6);
        await workedOn;
        observer.uploaded?.(uploaded);
        const ofEvents = uploaded.filter(({ tableId }) => tableId === 1);
        await until('the fetch of what was uploaded', 30_000, () =>
          ofEvents.every(({ key }) => taken.includes(key)),
        );
        observer.found?.(7);
        return SNAPSHOT;
      },
    };
    const service = new QueryService(
      {
        gate: async (...call: Parameters<typeof engine.gate>) => {
          gates.push(call[1].map(({ columns }) => columns.length).join());
          return engine.gate(...call).finally(() => gates.length === 1 && setImmediate(done));
        },
        run: (...call: Parameters<typeof engine.run>) => engine.run(...call),
      },
      resolver as unknown as SnapshotResolver,
      {
        liveFiles: ({ snapshotId }: { snapshotId: 6 | 7 }) =>
          Promise.resolve(
            new Map([
              [
                1,
                files[snapshotId].map(
                  (key) => ({ key, sizeBytes: 100, content: 'data' }) as SnapshotDataFile,
                ),
              ],
            ]),
          ),
      } as unknown as SnapshotFiles,
      {
        tablesAt: (_: string, snapshotId: 6 | 7) => Promise.resolve(tables[snapshotId]),
      } as unknown as TableCatalog,
      {
        acquire: ({ key }: { key: string }) => {
          taken.push(key);
          if (missing.includes(key)) return Promise.reject(new ObjectNotFoundError(key));
          held.set(key, (held.get(key) ?? 0) + 1);
          return Promise.resolve({
            path: join(folder.path, `${key}.parquet`),
            release: () => void held.set(key, (held.get(key) ?? 0) - 1),
          });
        },
      } as unknown as FileCache,
      { timeoutMs: 20_000, maxRows: 10, maxBytes: 1_000_000 },
    );
    const idle = () => [...held.values()].every((pins) => pins === 0);
    return { service, idle, taken, gates };
  }

  it('gates the statement and takes the files that are there', async () => {
    const { service, idle, taken, gates } = waitingService(
      { 6: [table('events')], 7: [table('events')] },
      { 6: ['a'], 7: ['a', 'b'] },
    );
    const answer = await service.query(request('SELECT name FROM events ORDER BY name'));
    expect(answer.result.rows).toEqual([['a'], ['b']]);
    expect(answer).toMatchObject({ snapshot: SNAPSHOT, scannedFiles: 2 });
    expect(gates).toEqual(['1']);
    expect(taken).toEqual(['a', 'a', 'b']);
    expect(idle()).toBe(true);
  });

  it('gates again where the tables have changed', async () => {
    const { service, gates } = waitingService(
      { 6: [table('events')], 7: [table('events', 2)] },
      { 6: ['a'], 7: ['a'] },
    );
    const { result } = await service.query(request('SELECT * EXCLUDE (_visibility_token) FROM events'));
    expect(result.columns.map(({ name }) => name)).toContain('added');
    expect(gates).toEqual(['1', '2']);
  });

  it('refuses a table that is gone, and finds one that came', async () => {
    const renamed = () =>
      waitingService({ 6: [table('events')], 7: [table('visits')] }, { 6: ['a'], 7: ['a'] }).service;
    expect(await codeOf(renamed().query(request('SELECT name FROM events')))).toBe('SQL_INVALID');
    expect((await renamed().query(request('SELECT name FROM visits'))).result.rows).toEqual([['a']]);
  });

  it('takes what the commit under way has uploaded, of the tables that it reads', async () => {
    const uploadedFile = (key: string, tableId: number) => ({ key, tableId, sizeBytes: 100, sha256: '' });
    const { service, idle, taken } = waitingService(
      { 6: [table('events')], 7: [table('events')] },
      { 6: ['a'], 7: ['a'] },
      [],
      [uploadedFile('b', 1), uploadedFile('of-another-table', 2)],
    );
    // What is uploaded is not published: the rows are those of the snapshot.
    expect((await service.query(request('SELECT name FROM events'))).result.rows).toEqual([['a']]);
    expect(taken).toEqual(['a', 'b', 'a']);
    expect(idle()).toBe(true);
  });

  it('does not mind a file that is gone and not asked for any more', async () => {
    const { service, idle } = waitingService(
      { 6: [table('events')], 7: [table('events')] },
      { 6: ['a', 'gone'], 7: ['b'] },
      ['gone'],
    );
    expect((await service.query(request('SELECT name FROM events'))).result.rows).toEqual([['b']]);
    expect(idle()).toBe(true);
  });
});
