import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk, type Answer, type Problem } from '../support/service-client.js';

let service: TestService;
let ours: TestTenant;
let theirs: TestTenant;
let theirSnapshotId: number;

const COLUMNS = [
  { name: 'id', type: 'string' },
  { name: 'secret', type: 'string' },
];

beforeAll(async () => {
  service = await TestService.start();
  [ours, theirs] = await Promise.all([service.createTenant('ours'), service.createTenant('theirs')]);
  await createTable(ours.tableAdmin, 'events', COLUMNS);
  await createTable(theirs.tableAdmin, 'events', COLUMNS);
  await createTable(theirs.tableAdmin, 'private', COLUMNS);
  const [record] = [{ idempotency_key: 'k', payload: { id: '1', secret: 'of theirs' } }];
  await theirs.writer.ingest('private', { records: [record] });
  const written = expectOk(
    await theirs.writer.ingest('events', { records: [record], wait_for_visibility: true }),
  );
  theirSnapshotId = written.visible_snapshot_id ?? 0;
  expectOk(
    await ours.writer.ingest('events', {
      records: [{ idempotency_key: 'k', payload: { id: '1', secret: 'of ours' } }],
      wait_for_visibility: true,
    }),
  );
});

afterAll(() => service.dispose());

/** All that a client sees, without what names the request or the name that was asked for. */
function seen({ status, headers, body }: Answer<unknown>, name: string): string {
  const { trace_id: _, instance: __, ...problem } = body as Problem;
  const relevant = [...headers].filter(
    ([header]) => !['date', 'request-id', 'content-length'].includes(header),
  );
  return JSON.stringify({ status, relevant, problem }).replaceAll(name, 'NAME');
}

/** Refusals must not differ between a name that another tenant has and one that nobody has. */
async function expectNoDifference(
  call: (name: string) => Promise<Answer<unknown>>,
  existing: string,
  missing: string,
) {
  const [first, second] = [await call(existing), await call(missing)];
  expect(first.status).toBeGreaterThanOrEqual(400);
  expect(first.status).toBeLessThan(500);
  expect(seen(first, existing)).toBe(seen(second, missing));
}

it('keeps tables of the same name apart', async () => {
  const sql = 'SELECT secret FROM events';
  expect(await ours.reader.rows(sql)).toEqual([['of ours']]);
  expect(await theirs.reader.rows(sql)).toEqual([['of theirs']]);
});

it('keeps idempotency keys apart', async () => {
  const receipt = await ours.writer.get<{ state: string; file: string }>('/v1/ingest/events/receipts?key=k');
  const other = await theirs.writer.get<{ state: string; file: string }>('/v1/ingest/events/receipts?key=k');
  expect(receipt.body.file).not.toBe(other.body.file);
});

describe('a name of another tenant is like one that nobody has', () => {
  // Of the same length, so that whole bodies can be compared.
  const [existing, missing] = ['private', 'prevate'];
  const record = { idempotency_key: 'k', payload: { id: '1' } };

  it.each<[string, (name: string) => Promise<Answer<unknown>>]>([
    ['ingest', (name) => ours.writer.ingest(name, { records: [record] })],
    [
      'ingest that waits',
      (name) => ours.writer.ingest(name, { records: [record], wait_for_visibility: true }),
    ],
    ['a receipt', (name) => ours.writer.get(`/v1/ingest/${name}/receipts?key=k`)],
    ['receipts', (name) => ours.writer.post(`/v1/ingest/${name}/receipts`, { keys: ['k'] })],
    ['a table', (name) => ours.reader.get(`/v1/tables/${name}`)],
    ['a drop', (name) => ours.tableAdmin.delete(`/v1/tables/${name}`)],
    ['a query', (name) => ours.reader.query(`SELECT * FROM ${name}`)],
    [
      'a query for one column',
      (name) => ours.reader.query(`SELECT secret FROM events WHERE id IN (SELECT id FROM ${name})`),
    ],
    ['a description', (name) => ours.reader.query(`DESCRIBE ${name}`)],
  ])('in %s', async (_, call) => {
    await expectNoDifference(call, existing, missing);
  });

  it('in the catalog of a query', async () => {
    expect(await ours.reader.rows('SELECT table_name FROM information_schema.tables')).toEqual([['events']]);
    const columns = await ours.reader.rows('SELECT DISTINCT table_name FROM information_schema.columns');
    expect(columns).toEqual([['events']]);
  });

  it('in a list of tables, and a table of that name can be made', async () => {
    const { body } = await ours.reader.get<{ tables: { table_name: string }[] }>('/v1/tables');
    expect(body.tables.map(({ table_name }) => table_name)).toEqual(['events']);
    await createTable(ours.tableAdmin, 'private', COLUMNS);
    expect(await ours.reader.rows('SELECT * FROM private')).toEqual([]);
    expect((await ours.tableAdmin.delete('/v1/tables/private')).status).toBe(200);
    expect(await theirs.reader.rows('SELECT secret FROM private')).toEqual([['of theirs']]);
  });

  it('in snapshots', async () => {
    const missingId = theirSnapshotId + 1_000_000;
    await expectNoDifference(
      (id) => ours.reader.get(`/v1/snapshots/${id}`),
      String(theirSnapshotId),
      String(missingId),
    );
    await expectNoDifference(
      (id) => ours.reader.query('SELECT * FROM events', { snapshot_id: Number(id) }),
      String(theirSnapshotId),
      String(missingId),
    );
  });
});

it('does not take tokens of another tenant', async () => {
  const records = Array.from({ length: 50 }, (_, i) => ({
    idempotency_key: `t${i}`,
    payload: { id: String(i) },
  }));
  const { max_visibility_token } = expectOk(await theirs.writer.ingest('events', { records }));
  expect(
    await ours.reader.query('SELECT * FROM events', { min_visibility_token: max_visibility_token }),
  ).toMatchObject({
    status: 400,
    body: { error_code: 'VISIBILITY_TOKEN_INVALID' },
  });
});

it('keeps objects and files out of reach of SQL', async () => {
  const receipt = await theirs.writer.get<{ file: string }>('/v1/ingest/events/receipts?key=k');
  const paths = [receipt.body.file, `${service.dataDir}/objects/${receipt.body.file}`, '/etc/passwd'];
  for (const path of paths) {
    for (const sql of [
      `SELECT * FROM '${path}'`,
      `SELECT * FROM read_parquet('${path}')`,
      `SELECT * FROM read_text('${path}')`,
    ]) {
      expect(await ours.reader.query(sql)).toMatchObject({ status: 400 });
    }
  }
});

it('lets no tenant manage tenants', async () => {
  for (const client of [ours.admin, ours.tableAdmin]) {
    expect(await client.get('/v1/tenants')).toMatchObject({ status: 403 });
    expect(
      await client.post('/v1/tenants/theirs/keys', { name: 'x', roles: ['query_reader'] }),
    ).toMatchObject({ status: 403 });
  }
});
