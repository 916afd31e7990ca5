import { join } from 'node:path';
import { parseType } from '../../src/kernel/index.js';
import { Transactions, type Notifications } from '../../src/database/index.js';
import type { WriteEngine } from '../../src/modules/engine/index.js';
import { SnapshotFiles } from '../../src/modules/snapshots/index.js';
import { SchemaPublisher } from '../../src/modules/snapshots/schema-publisher.js';
import { TableCatalog, TableGrowth, TableRegistry, TableSchemas } from '../../src/modules/tables/index.js';
import { DroppedTables } from '../../src/modules/tables/dropped-tables.service.js';
import type { TableChange } from '../../src/modules/tables/schema-change.js';
import { TableAlterations } from '../../src/modules/tables/table-alterations.service.js';
import { TableStore } from '../../src/modules/tables/table.store.js';
import { openCommitStage, type CommitStage } from '../support/commit.js';
import { newQueryEngine } from '../support/engine.js';

const TENANT = 'acme';
const query = newQueryEngine({ concurrency: 1, threads: 1 });

let stage: CommitStage;
let orders: number;
let transactions: Transactions;
let alterations: TableAlterations;
let dropped: DroppedTables;
let growth: TableGrowth;

beforeEach(async () => {
  stage = await openCommitStage();
  await stage.createTenant(TENANT);
  orders = await stage.createTable(TENANT, 'orders');
  transactions = new Transactions(stage.dataSource);
  const silent = { notify: () => undefined } as unknown as Notifications;
  const registry = new TableRegistry(transactions, silent);
  const parts = [transactions, new TableStore(), new SchemaPublisher(), registry] as const;
  alterations = new TableAlterations(...parts);
  growth = new TableGrowth(...parts);
  dropped = new DroppedTables(...parts, { undropWindowMs: 60_000 });
});
afterEach(() => stage.close());
afterAll(() => query.close());

const alter = (table: string, ...changes: TableChange[]) =>
  alterations.alter(TENANT, table, { changes }, 'test');
/** As ingest does where an event of `orders` has a value that no column takes. */
const need = (name: string, type: string) =>
  growth.grow({
    tenantId: TENANT,
    tableId: orders,
    tableName: 'orders',
    known: [],
    needed: [{ name, type: parseType(type), nullable: true }],
    by: 'test',
  });
const drop = (table: string) => stage.tables.drop(TENANT, table, 'test');
const undrop = (table: string) => dropped.undrop(TENANT, table, 'test');

/** One turn of a coordinator in which `work` runs after the files are written and before they are published. */
const turnWith = async (work: () => Promise<unknown>) => {
  const engine: Pick<WriteEngine, 'writeParquet'> = {
    writeParquet: async (job, signal) => {
      const written = await stage.engine.writeParquet(job, signal);
      await work();
      return written;
    },
  };
  await stage.coordinator({ engine }).runOnce(new AbortController().signal);
};
const turn = () => turnWith(() => Promise.resolve());
const turnAgain = async () => {
  await stage.endPauses();
  await turn();
};

/** All user columns of the table as the latest snapshot has it, under its columns' names. */
async function rows(tableName: string): Promise<Record<string, unknown>[]> {
  const [head] = await stage.dataSource.query<{ snapshot_id: number }[]>(
    'SELECT snapshot_id FROM tenant_head WHERE tenant_id = $1',
    [TENANT],
  );
  const snapshotId = head?.snapshot_id ?? 0;
  const catalog = new TableCatalog(transactions, new TableSchemas(transactions));
  const table = (await catalog.tablesAt(TENANT, snapshotId)).find((each) => each.tableName === tableName);
  if (table === undefined) throw new Error(`there is no table ${tableName}`);
  const { tableId, columns } = table;
  const files = (await new SnapshotFiles(transactions).liveFiles({ snapshotId }, [tableId])).get(tableId);
  const objects = join(stage.scratch, '..', 'objects');
  const result = await query.run({
    tenantId: TENANT,
    sql: `SELECT * EXCLUDE (_visibility_token, _event_time, _ingested_at, _idempotency_key) FROM ${tableName} ORDER BY _visibility_token`,
    params: [],
    tables: [
      { name: tableName, columns, files: (files ?? []).map(({ key }) => ({ path: join(objects, key) })) },
    ],
    rowLimit: 100,
    maxBytes: 100_000,
    timeoutMs: 30_000,
  });
  return result.rows.map((row) => Object.fromEntries(result.columns.map(({ name }, i) => [name, row[i]])));
}

const versions = async () => {
  const files = await stage.dataSource.query<{ schema_version: number }[]>(
    'SELECT schema_version FROM data_file WHERE table_id = $1 ORDER BY file_id',
    [orders],
  );
  const [last] = await stage.dataSource.query<{ schema_version: number; table_name: string }[]>(
    'SELECT schema_version, table_name FROM snapshot_table_watermark WHERE table_id = $1 ORDER BY snapshot_id DESC LIMIT 1',
    [orders],
  );
  return { files: files.map((file) => file.schema_version), watermark: last };
};

describe('a change between the writing of a file and its publication', () => {
  it('gives the snapshot the new schema and name, and the file keeps the version that it was written in', async () => {
    const last = await stage.append(TENANT, orders, 'a');
    await turnWith(() =>
      alter(
        'orders',
        { op: 'rename_column', from: 'id', to: 'key' },
        { op: 'add_column', column: { name: 'id', type: 'long' } },
        { op: 'rename_table', to: 'sales' },
      ),
    );
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await versions()).toEqual({ files: [1], watermark: { schema_version: 2, table_name: 'sales' } });
    expect(await rows('sales')).toEqual([{ key: 'a', id: null }]);
    // Accepted under version 1, written under version 2.
    await stage.append(TENANT, orders, 'b');
    await turn();
    expect(await versions()).toMatchObject({ files: [1, 2] });
    expect(await rows('sales')).toEqual([
      { key: 'a', id: null },
      { key: 'b', id: null },
    ]);
  });

  it('shows the old values of a column whose type events change meanwhile', async () => {
    await alterations.alter(TENANT, 'orders', { changes: [], evolutionMode: 'evolve' }, 'test');
    await stage.append(TENANT, orders, 'a');
    await turnWith(() => need('id', 'int'));
    expect(await versions()).toMatchObject({ files: [2], watermark: { schema_version: 3 } });
    expect(await rows('orders')).toEqual([{ id: '"a"' }]);
    // Accepted under version 1, written under version 3, published under version 4.
    await stage.append(TENANT, orders, 'b');
    await turnWith(() => alter('orders', { op: 'rename_column', from: 'id', to: 'key' }));
    expect(await rows('orders')).toEqual([{ key: '"a"' }, { key: '"b"' }]);
  });

  it('discards what was written for a table that it drops, for good', async () => {
    await stage.append(TENANT, orders, 'a');
    await turn();
    const last = await stage.append(TENANT, orders, 'b');
    await turnWith(() => drop('orders'));
    expect(await stage.watermark(TENANT)).toBe(last);
    await undrop('orders');
    expect(await rows('orders')).toEqual([{ id: 'a' }]);
  });

  it('publishes what was written for a table that it drops and brings back', async () => {
    await stage.append(TENANT, orders, 'a');
    const last = await stage.append(TENANT, orders, 'b');
    await turnWith(async () => {
      await drop('orders');
      await undrop('orders');
    });
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await rows('orders')).toEqual([{ id: 'a' }, { id: 'b' }]);
  });

  it('keeps the events of a table that comes back after its files were left out', async () => {
    const visits = await stage.createTable(TENANT, 'visits');
    await stage.append(TENANT, orders, 'a');
    const last = await stage.append(TENANT, visits, 'x');
    await drop('orders');
    // When `orders` comes back it was left out of the claim's files already, so the claim is worked on again.
    await turnWith(() => undrop('orders'));
    expect(await stage.watermark(TENANT)).toBe(0);
    await turnAgain();
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await rows('orders')).toEqual([{ id: 'a' }]);
    expect(await rows('visits')).toEqual([{ id: 'x' }]);
  });

  it('does not reach a new table of the name of a dropped one', async () => {
    await stage.append(TENANT, orders, 'old');
    let fresh = 0;
    await turnWith(async () => {
      await drop('orders');
      fresh = await stage.createTable(TENANT, 'orders');
      await stage.append(TENANT, fresh, 'new');
    });
    expect(await rows('orders')).toEqual([]);
    await turn();
    expect(await rows('orders')).toEqual([{ id: 'new' }]);
  });
});

describe('an undrop', () => {
  it('is refused when files are gone that the table had, and changes nothing', async () => {
    await stage.append(TENANT, orders, 'a');
    await turn();
    await stage.append(TENANT, orders, 'b');
    await turn();
    await drop('orders');
    await stage.dataSource.query(
      `UPDATE data_file SET state = 'deleting' WHERE file_id = (SELECT min(file_id) FROM data_file)`,
    );
    await expect(undrop('orders')).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    await stage.dataSource.query(`DELETE FROM data_file WHERE state = 'deleting'`);
    await expect(undrop('orders')).rejects.toMatchObject({
      code: 'TABLE_NOT_FOUND',
      message: expect.stringContaining('1 of the 2 files') as string,
    });
    expect(
      await stage.dataSource.query(
        'SELECT DISTINCT state FROM data_file UNION SELECT table_name FROM table_def WHERE dropped_snapshot_id IS NULL',
      ),
    ).toEqual([{ state: 'removed' }]);
  });
});
