import {
  insertPendingFile,
  insertTable,
  insertTenant,
  openTestCatalog,
  type TestCatalog,
} from '../support/catalog.js';
import { insertNew } from '../../src/database/index.js';
import { DataFileEntity } from '../../src/modules/snapshots/data-file.entity.js';

let catalog: TestCatalog;

beforeAll(async () => {
  catalog = await openTestCatalog();
  await insertTenant(catalog.dataSource, 'acme');
});

afterAll(() => catalog.close());

describe('insertNew', () => {
  it('answers the rows that were new, with their generated columns, and leaves the others alone', async () => {
    const { tableId } = await insertTable(catalog, 'acme', 'orders');
    const known = await insertPendingFile(catalog, 'acme', tableId, { first: 1, last: 10 });
    const [existing] = await catalog.dataSource.manager.findBy(DataFileEntity, { fileId: known });
    if (existing === undefined) throw new Error('the file has no row');
    const { fileId: _, ...row } = existing;
    const rows = [row, { ...row, path: 'tidemark/acme/1/part-2-a.parquet', recordCount: 2 }];
    const first = await catalog.transactions.write((tx) => insertNew(tx, DataFileEntity, rows));
    const again = await catalog.transactions.write((tx) => insertNew(tx, DataFileEntity, rows));
    expect(first.map(({ path, recordCount }) => [path, recordCount])).toEqual([
      ['tidemark/acme/1/part-2-a.parquet', 2],
    ]);
    expect(first[0]?.fileId).toBeGreaterThan(known);
    expect(again).toEqual([]);
    expect(await insertNew(catalog.dataSource.manager, DataFileEntity, [])).toEqual([]);
  });
});
