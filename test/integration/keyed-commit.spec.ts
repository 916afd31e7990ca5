import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { openCommitStage, type CommitStage } from '../support/commit.js';

const TENANT = 'acme';
const never = new AbortController().signal;

let stage: CommitStage;
let orders: number;

beforeEach(async () => {
  stage = await openCommitStage();
  await stage.createTenant(TENANT);
  const columns = [
    { name: 'id', type: 'long' },
    { name: 'v', type: 'int' },
  ];
  const table = await stage.tables.create(
    TENANT,
    { tableName: 'orders', columns, primaryKeyCols: ['id'] },
    'test',
  );
  orders = table.tableId;
});

afterEach(() => stage.close());

type Op = 'insert' | 'upsert' | 'delete';

const send = (...events: [op: Op, payload: string][]) =>
  stage.appendOps(TENANT, orders, ...events.map(([op, payload]) => ({ op, payload })));
const row = (id: number | string, v: number) => `{"id":${JSON.stringify(id)},"v":${v}}`;
const key = (id: number) => `{"id":${id}}`;

interface FileRow {
  readonly path: string;
  readonly content: 'data' | 'deletes';
  readonly state: string;
  readonly sequence_number: number | null;
  readonly record_count: number;
  readonly spec_id: number;
  readonly equality_field_ids: number[];
}

const files = () =>
  stage.dataSource.query<FileRow[]>(
    `SELECT path, content, state, sequence_number, record_count, spec_id, equality_field_ids
     FROM data_file ORDER BY file_id`,
  );
const deadTokens = async () =>
  (await stage.dataSource.query<{ token: number }[]>(`SELECT token FROM dead_letter ORDER BY token`)).map(
    ({ token }) => token,
  );

/** Rows of the files of one content that are live, from the objects themselves. */
async function liveRows(content: FileRow['content'], columns: string): Promise<unknown[][]> {
  const live = (await files()).filter((file) => file.content === content && file.state === 'live');
  if (live.length === 0) return [];
  const paths = live.map(({ path }) => `'${join(stage.objects, path)}'`).join(', ');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    `SELECT ${columns} FROM read_parquet([${paths}]) ORDER BY _visibility_token`,
  );
  connection.closeSync();
  instance.closeSync();
  return reader.getRowsJson();
}

async function turnsUntil(token: number): Promise<void> {
  for (let turn = 0; turn < 30 && (await stage.watermark(TENANT)) < token; turn += 1) {
    await stage.endPauses();
    await stage.coordinator().runOnce(never);
  }
  expect(await stage.watermark(TENANT)).toBe(token);
}

describe('a commit to a keyed table', () => {
  it('writes one row a key, and every key into a delete file that says what it is', async () => {
    await send(['insert', row(1, 1)], ['insert', row(2, 1)], ['delete', key(3)]);
    const last = await send(
      ['upsert', row(1, 2)],
      ['delete', key(2)],
      ['delete', key(1)],
      ['insert', row(1, 3)],
    );
    await turnsUntil(last);
    expect(await files()).toMatchObject([
      // Delete files have no partition, whatever the data has: they reach a key wherever it lay.
      { content: 'data', state: 'live', record_count: 1, equality_field_ids: [], spec_id: 1 },
      {
        content: 'deletes',
        state: 'live',
        record_count: 3,
        equality_field_ids: [5],
        spec_id: 0,
        path: expect.stringMatching(/\/deletes\/delete-\d+-[0-9a-f-]+\.parquet$/) as string,
      },
    ]);
    expect(await liveRows('data', 'id, v, _visibility_token')).toEqual([['1', 3, '7']]);
    expect(await liveRows('deletes', '*')).toEqual([
      ['3', '3'],
      ['2', '5'],
      ['1', '7'],
    ]);
    const [data, deletes] = await files();
    expect(data?.sequence_number).toBe(deletes?.sequence_number);
    const [snapshot] = await stage.dataSource.query<{ summary: object }[]>(
      `SELECT summary FROM snapshot WHERE operation = 'append'`,
    );
    expect(snapshot?.summary).toMatchObject({ added_files: 1, added_delete_files: 1 });
  });

  it('writes no data file where nothing is left', async () => {
    await turnsUntil(await send(['insert', row(1, 1)], ['delete', key(1)]));
    expect(await files()).toMatchObject([{ content: 'deletes', state: 'live', record_count: 1 }]);
  });

  it('leaves both files behind where the second cannot be uploaded, and writes two others', async () => {
    const last = await send(['insert', row(1, 1)], ['delete', key(2)]);
    let puts = 0;
    const store = Object.assign(Object.create(stage.store) as typeof stage.store, {
      putFile: (...call: Parameters<typeof stage.store.putFile>) => {
        puts += 1;
        return puts === 2 ? Promise.reject(new Error('no more')) : stage.store.putFile(...call);
      },
    });
    await stage.coordinator({ store }).runOnce(never);
    expect(await stage.watermark(TENANT)).toBe(0);
    expect((await files()).map(({ state }) => state)).toEqual(['pending', 'pending']);
    await turnsUntil(last);
    expect((await files()).map(({ content, state }) => [content, state])).toEqual([
      ['data', 'pending'],
      ['deletes', 'pending'],
      ['data', 'live'],
      ['deletes', 'live'],
    ]);
  });

  it.each([
    ['a value that is none', '{"id":2,"v":"x"}'],
    ['a key that is null', '{"id":null,"v":1}'],
    ['a key that is absent', '{"v":1}'],
    ['a key of another type', row('x', 1)],
  ])('sets an event aside that can never be written, for %s, and folds the rest', async (_, poison) => {
    await send(['insert', row(1, 1)], ['insert', row(2, 1)], ['upsert', poison]);
    const last = await send(['delete', key(1)], ['upsert', row(2, 2)], ['delete', poison]);
    await turnsUntil(last);
    expect(await deadTokens()).toEqual([3, 6]);
    // Splits made several commits of the range: what is last is told by the tokens in all of them.
    const written = await liveRows('data', 'id, v, _visibility_token');
    const deleted = await liveRows('deletes', 'id, _visibility_token');
    const left = written.filter(
      ([id, , token]) => !deleted.some(([other, later]) => other === id && Number(later) > Number(token)),
    );
    expect(left).toEqual([['2', 2, '5']]);
  });
});
