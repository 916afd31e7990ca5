import { AppError } from '../../src/kernel/index.js';
import {
  newPublicationId,
  PublicationRefused,
  type AppendPublication,
} from '../../src/modules/snapshots/index.js';
import {
  insertPendingFile,
  insertTable,
  insertTenant,
  openTestCatalog,
  type TestCatalog,
} from '../support/catalog.js';
import { startDatabaseProxy } from '../support/database-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

const TENANT = 'acme';
const LAST_TOKEN = 100;

let catalog: TestCatalog;
let tableId: number;
let createdIn: number;

beforeEach(async () => {
  catalog = await openTestCatalog();
  await insertTenant(catalog.dataSource, TENANT, LAST_TOKEN);
  ({ tableId, snapshotId: createdIn } = await insertTable(catalog, TENANT, 'orders'));
});

afterEach(() => catalog.close());

async function publication(
  base: number,
  last: number,
  change: Partial<AppendPublication> = {},
): Promise<AppendPublication> {
  const fileId = await insertPendingFile(catalog, TENANT, tableId, { first: base + 1, last });
  return {
    tenantId: TENANT,
    publicationId: newPublicationId(),
    baseToken: base,
    lastToken: last,
    tables: [{ tableId, maxVisibilityToken: last, eventCount: 10, fileIds: [fileId] }],
    createdBy: 'test',
    fence: () => Promise.resolve(true),
    ...change,
  };
}

const append = (next: AppendPublication) => catalog.publisher.append(next, new AbortController().signal);
const latest = () => catalog.resolver.resolve(TENANT, { kind: 'latest' });
const liveFiles = async (snapshotId: number) => {
  const snapshot = await catalog.resolver.resolve(TENANT, { kind: 'id', snapshotId });
  return (await catalog.files.liveFiles(snapshot, [tableId])).get(tableId) ?? [];
};
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'resolved',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

describe('append', () => {
  it('advances the head and makes the files live in this snapshot and later ones only', async () => {
    const first = await append(await publication(0, 10));
    const second = await append(await publication(10, 20));
    expect(await latest()).toMatchObject({ snapshotId: second, maxVisibilityToken: 20 });
    expect(await liveFiles(createdIn)).toHaveLength(0);
    expect(await liveFiles(first)).toHaveLength(1);
    expect(await liveFiles(second)).toHaveLength(2);
  });

  it('lets one of many publications of the same range through', async () => {
    const contenders = await Promise.all(Array.from({ length: 8 }, () => publication(0, 10)));
    const outcomes = await Promise.allSettled(contenders.map(append));
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(7);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(PublicationRefused);
    const { snapshotId } = await latest();
    expect(await liveFiles(snapshotId)).toHaveLength(1);
  });

  it('is refused by its fence, and leaves nothing', async () => {
    const before = await latest();
    const fenced = await publication(0, 10, { fence: () => Promise.resolve(false) });
    await expect(append(fenced)).rejects.toBeInstanceOf(PublicationRefused);
    expect(await latest()).toEqual(before);
    expect(await append({ ...fenced, fence: () => Promise.resolve(true) })).toBeGreaterThan(
      before.snapshotId,
    );
  });

  it('is refused when a file that was written is not pending any more', async () => {
    const next = await publication(0, 10);
    const fileIds = next.tables[0]?.fileIds ?? [];
    await catalog.dataSource.query(`UPDATE data_file SET state = 'removed' WHERE file_id = ANY ($1)`, [
      fileIds,
    ]);
    await expect(append(next)).rejects.toBeInstanceOf(PublicationRefused);
    expect((await latest()).maxVisibilityToken).toBe(0);
  });

  it('is refused where a table of the range has events and no file', async () => {
    const next = await publication(0, 10, {
      tables: [{ tableId, maxVisibilityToken: 10, eventCount: 1, fileIds: [] }],
    });
    await expect(append(next)).rejects.toBeInstanceOf(PublicationRefused);
    expect((await latest()).maxVisibilityToken).toBe(0);
  });

  it('discards what belongs to a table that was dropped meanwhile, and moves the watermark', async () => {
    const next = await publication(0, 10);
    await dropTable();
    const snapshotId = await append(next);
    expect(await latest()).toMatchObject({ snapshotId, maxVisibilityToken: 10 });
    expect(await liveFiles(snapshotId)).toHaveLength(0);
    const [row] = await catalog.dataSource.query<{ summary: object }[]>(
      'SELECT summary FROM snapshot WHERE snapshot_id = $1',
      [snapshotId],
    );
    expect(row?.summary).toEqual({ added_files: 0, discarded_events: 10 });
  });
});

describe('a connection that is cut at COMMIT', () => {
  /** With one connection in use, so that its COMMIT is the publication's. */
  let proxy: TcpProxy;
  beforeEach(async () => {
    await catalog.close();
    catalog = await openTestCatalog(async (url) => {
      const through = await startDatabaseProxy(url);
      ({ proxy } = through);
      return through.url;
    });
    await insertTenant(catalog.dataSource, TENANT, LAST_TOKEN);
    ({ tableId, snapshotId: createdIn } = await insertTable(catalog, TENANT, 'orders'));
  });
  afterEach(() => proxy.close());

  it('is found to be published where the server had it and only its reply was lost', async () => {
    const next = await publication(0, 10);
    const cut = proxy.cutAt({ sent: 'COMMIT\0', when: 'after' });
    const snapshotId = await append(next);
    await cut;
    expect(await latest()).toMatchObject({ snapshotId, maxVisibilityToken: 10 });
    expect(await liveFiles(snapshotId)).toHaveLength(1);
  });

  it('is found not to be published where the server never had it, and may be published again', async () => {
    const next = await publication(0, 10);
    const cut = proxy.cutAt({ sent: 'COMMIT\0', when: 'before' });
    expect(await codeOf(append(next))).toBe('DEPENDENCY_UNAVAILABLE');
    await cut;
    expect((await latest()).maxVisibilityToken).toBe(0);
    const snapshotId = await append({ ...next, publicationId: newPublicationId() });
    expect(await liveFiles(snapshotId)).toHaveLength(1);
  });
});

describe('a dropped table', () => {
  it('keeps its files in older snapshots and loses them in newer ones', async () => {
    const full = await append(await publication(0, 10));
    const dropped = await dropTable();
    expect(await liveFiles(full)).toHaveLength(1);
    expect(await liveFiles(dropped)).toHaveLength(0);
    expect(await latest()).toMatchObject({ snapshotId: dropped, maxVisibilityToken: 10 });
  });
});

describe('the chain', () => {
  it('has one parent for each snapshot, growing ids, times, tokens and sequence numbers', async () => {
    for (let base = 0; base < 50; base += 10) await append(await publication(base, base + 10));
    const rows = await catalog.dataSource.query<Record<string, number | Date>[]>(
      `SELECT snapshot_id, parent_snapshot_id, sequence_number, max_visibility_token, created_at
       FROM snapshot WHERE tenant_id = $1 ORDER BY snapshot_id`,
      [TENANT],
    );
    rows.slice(1).forEach((row, index) => {
      const parent = rows[index] ?? {};
      expect(row.parent_snapshot_id).toBe(parent.snapshot_id);
      expect(Number(row.sequence_number)).toBe(Number(parent.sequence_number) + 1);
      expect(Number(row.max_visibility_token)).toBeGreaterThanOrEqual(Number(parent.max_visibility_token));
      expect(Number(row.created_at)).toBeGreaterThan(Number(parent.created_at));
    });
  });

  it.each<[string, number, () => Promise<number>]>([
    ['an append', 10, async () => append(await publication(0, 10))],
    ['a schema change', 0, dropTable],
  ])(
    'goes on by the same rules with %s: here after a parent whose time is ahead',
    async (_, token, publish) => {
      const { dataSource } = catalog;
      await dataSource.query(`UPDATE snapshot SET created_at = created_at + interval '1 hour'`);
      const { sequenceNumber } = await latest();
      const snapshotId = await publish();
      const [row] = await dataSource.query<object[]>(
        `SELECT s.*, extract(epoch FROM s.created_at - p.created_at)::float8 AS later_by, h.*
       FROM tenant_head h JOIN snapshot s USING (snapshot_id)
       JOIN snapshot p ON p.snapshot_id = s.parent_snapshot_id WHERE h.tenant_id = $1`,
        [TENANT],
      );
      expect(row).toMatchObject({
        snapshot_id: snapshotId,
        parent_snapshot_id: createdIn,
        sequence_number: sequenceNumber + 1,
        last_sequence_number: sequenceNumber + 1,
        max_visibility_token: token,
        published_token: token,
        later_by: 0.001,
      });
    },
  );
});

describe('resolve', () => {
  it('answers by id and by time, and refuses what is not there', async () => {
    const first = await append(await publication(0, 10));
    const { createdAt } = await latest();
    const second = await append(await publication(10, 20));
    expect(
      (await catalog.resolver.resolve(TENANT, { kind: 'id', snapshotId: first })).maxVisibilityToken,
    ).toBe(10);
    expect((await catalog.resolver.resolve(TENANT, { kind: 'time', at: createdAt })).snapshotId).toBe(first);
    const unknown = catalog.resolver.resolve(TENANT, { kind: 'id', snapshotId: second + 1000 });
    expect(await codeOf(unknown)).toBe('SNAPSHOT_NOT_FOUND');
    expect(await codeOf(catalog.resolver.resolve(TENANT, { kind: 'time', at: new Date(0) }))).toBe(
      'SNAPSHOT_NOT_FOUND',
    );
  });

  it("does not answer another tenant's snapshot", async () => {
    const { snapshotId } = await latest();
    await insertTenant(catalog.dataSource, 'other');
    expect(await codeOf(catalog.resolver.resolve('other', { kind: 'id', snapshotId }))).toBe(
      'SNAPSHOT_NOT_FOUND',
    );
  });

  it('refuses an expired snapshot', async () => {
    await catalog.dataSource.query('UPDATE snapshot SET expired_at = now() WHERE snapshot_id = $1', [
      createdIn,
    ]);
    expect(await codeOf(catalog.resolver.resolve(TENANT, { kind: 'id', snapshotId: createdIn }))).toBe(
      'SNAPSHOT_EXPIRED',
    );
  });

  it('waits for a token until it is published', async () => {
    const isWaiting = Promise.withResolvers<number>();
    const resolved = catalog.resolver.resolve(
      TENANT,
      { kind: 'latest', minVisibilityToken: 10, timeoutMs: 600_000 },
      undefined,
      { waiting: isWaiting.resolve },
    );
    expect(await isWaiting.promise).toBe(createdIn);
    const snapshotId = await append(await publication(0, 10));
    expect(await resolved).toMatchObject({ snapshotId, maxVisibilityToken: 10 });
  });

  it('fails rather than answer less than the token', async () => {
    const late = catalog.resolver.resolve(TENANT, { kind: 'latest', minVisibilityToken: 10, timeoutMs: 50 });
    expect(await codeOf(late)).toBe('CONSISTENCY_TIMEOUT');
    const never = catalog.resolver.resolve(TENANT, { kind: 'latest', minVisibilityToken: LAST_TOKEN + 1 });
    expect(await codeOf(never)).toBe('VISIBILITY_TOKEN_INVALID');
  });
});

async function dropTable(): Promise<number> {
  return catalog.transactions.write(async (tx) => {
    const change = { kind: 'drop_table', tableId, tableName: 'orders', schemaVersion: 1 } as const;
    const { snapshotId } = await catalog.schemaPublisher.publishSchemaChange(tx, TENANT, change, 'test');
    await tx.query('UPDATE table_def SET dropped_snapshot_id = $1 WHERE table_id = $2', [
      snapshotId,
      tableId,
    ]);
    return snapshotId;
  });
}
