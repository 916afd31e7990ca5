import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

interface TableAnswer {
  readonly schema_version: number;
  readonly partition_spec: readonly object[];
  readonly partition_spec_id: number;
  readonly sort_order: readonly object[];
}

interface FileRow {
  readonly path: string;
  readonly spec_id: number;
  readonly partition_values: Readonly<Record<string, unknown>>;
  readonly mixed_partitions: boolean;
  readonly record_count: number;
  readonly added_snapshot_id: number;
}

let database: TestDatabase;
let catalog: pg.Client;
let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  database = await createTestDatabase();
  catalog = new pg.Client({ connectionString: database.url });
  await catalog.connect();
  const env = { TIDEMARK_COMMIT_MAX_DELAY_MS: '600000' };
  service = await TestService.start({ databaseUrl: database.url, env });
});

afterAll(async () => {
  await service.dispose();
  await catalog.end();
  await database.drop();
});

beforeEach(async () => {
  tenant = await service.createTenant();
});

const COLUMNS = [
  { name: 'id', type: 'int', nullable: false },
  { name: 'country', type: 'string' },
];

const create = (more: object = {}) =>
  tenant.tableAdmin.post<TableAnswer>('/v1/tables', {
    table_name: 't',
    schema: { columns: COLUMNS },
    ...more,
  });
const alter = (body: object) => tenant.tableAdmin.patch<TableAnswer>('/v1/tables/t', body);

let sent = 0;

/** In one commit. */
async function publish(...events: { at?: string; country?: string | null }[]): Promise<void> {
  const records = events.map(({ at, country = null }) => ({
    idempotency_key: `k-${(sent += 1)}`,
    payload: { id: sent, country },
    ...(at !== undefined && { event_time: at }),
  }));
  const answer = expectOk(await tenant.writer.ingest('t', { records, wait_for_visibility: true }));
  expect(answer.status).toBe('visible');
}

async function liveFiles(): Promise<FileRow[]> {
  const { rows } = await catalog.query<FileRow>(
    `SELECT f.path, f.spec_id, f.partition_values, f.mixed_partitions, f.record_count::int, s.added_snapshot_id::int
     FROM data_file f JOIN file_span s USING (file_id)
     WHERE f.tenant_id = $1 AND f.state = 'live' AND s.removed_snapshot_id IS NULL ORDER BY f.path`,
    [tenant.id],
  );
  return rows;
}

/** Without what is before the table's folders, and the name. */
const foldersOf = ({ path }: FileRow) =>
  path.replace(/^[^/]+\/[^/]+\/\d+\//, '').replace(/\/?part-[^/]+$/, '');

describe('files of a table', () => {
  it('are split by the hour of the event time by default, and published at once', async () => {
    const created = await create();
    expect(created.body).toMatchObject({
      partition_spec: [{ column: '_event_time', transform: 'hour' }],
      partition_spec_id: 1,
      sort_order: [],
    });
    await publish(
      { at: '2026-01-01T03:59:59.999999Z' },
      { at: '2026-01-01T04:00:00Z' },
      { at: '2026-01-01T04:30:00+00:30' },
    );
    const files = await liveFiles();
    expect(files).toMatchObject([
      { spec_id: 1, partition_values: { 1000: 490_899 }, mixed_partitions: false, record_count: 1 },
      { spec_id: 1, partition_values: { 1000: 490_900 }, mixed_partitions: false, record_count: 2 },
    ]);
    expect(files.map(foldersOf)).toEqual(['date=2026-01-01/hour=03', 'date=2026-01-01/hour=04']);
    expect(new Set(files.map((file) => file.added_snapshot_id)).size).toBe(1);
    expect(await tenant.reader.rows('SELECT count(*), count(DISTINCT id) FROM t')).toEqual([[3, 3]]);
  });

  it('follow the spec of their time, whatever text is in them', async () => {
    expectOk(await create({ partition_spec: [] }));
    await publish({ country: 'DE' }, { country: '../../other' });
    const changed = expectOk(await alter({ partition_spec: [{ column: 'country', transform: 'identity' }] }));
    expect(changed).toMatchObject({ schema_version: 2, partition_spec_id: 1 });
    await publish({ country: 'DE' }, { country: '../../other' }, { country: null }, { country: 'a\0b' });
    expectOk(await alter({ changes: [{ op: 'rename_column', from: 'country', to: 'land' }] }));
    const files = await liveFiles();
    expect(files.map(foldersOf)).toEqual([
      'country=.2E.2E.2F.2E.2E.2Fother',
      'country=.null',
      'country=DE',
      'mixed',
      '',
    ]);
    expect(files.map((file) => [file.spec_id, file.partition_values, file.mixed_partitions])).toEqual([
      [1, { 1000: '../../other' }, false],
      [1, { 1000: null }, false],
      [1, { 1000: 'DE' }, false],
      [1, {}, true],
      [0, {}, false],
    ]);
    const grouped = 'SELECT land, count(*) FROM t GROUP BY land ORDER BY land NULLS FIRST';
    expect(await tenant.reader.rows(grouped)).toEqual([
      [null, 1],
      ['../../other', 2],
      ['DE', 2],
      ['a\0b', 1],
    ]);
    // The spec is the same one again.
    expect(expectOk(await alter({ partition_spec: [] }))).toMatchObject({ partition_spec_id: 0 });
  });

  it('are few where one commit has 10,000 days, and no row is lost', async () => {
    expectOk(await create({ partition_spec: [{ column: '_event_time', transform: 'day' }] }));
    const days = Array.from({ length: 10_000 }, (_, n) => ({
      at: new Date(n * 86_400_000).toISOString(),
      country: 'DE',
    }));
    await publish(...days);
    const files = await liveFiles();
    expect(files).toMatchObject([{ spec_id: 1, mixed_partitions: true, record_count: 10_000 }]);
    expect(await tenant.reader.rows('SELECT count(*), count(DISTINCT _event_time) FROM t')).toEqual([
      [10_000, 10_000],
    ]);
  });

  it('have their rows in the order of the table', async () => {
    expectOk(await create({ sort_order: [{ column: 'country', direction: 'desc' }] }));
    const at = '2026-01-01T03:00:00Z';
    await publish({ at, country: 'AT' }, { at, country: 'DE' }, { at, country: 'CH' }, { at });
    const { rows } = await catalog.query<{ sort_order: object[] }>(
      `SELECT sort_order FROM table_def WHERE tenant_id = $1`,
      [tenant.id],
    );
    expect(rows).toEqual([{ sort_order: [{ source_id: 6, direction: 'desc' }] }]);
    expect(expectOk(await alter({ sort_order: [] }))).toMatchObject({ schema_version: 2, sort_order: [] });
    // What asks for no change makes no version.
    expect(expectOk(await alter({ sort_order: [] }))).toMatchObject({ schema_version: 2 });
  });

  it('have receipts, with the file where it is sure', async () => {
    expectOk(await create());
    await publish({ at: '2026-01-01T03:00:00Z' });
    const alone = expectOk(await tenant.writer.get<object>(`/v1/ingest/t/receipts?key=k-${sent}`));
    expect(alone).toMatchObject({ state: 'visible', file: (await liveFiles())[0]?.path });
    await publish(
      { at: '2026-01-01T03:00:00Z' },
      { at: '2026-01-01T04:00:00Z' },
      { at: '2026-01-01T03:00:00Z' },
    );
    const between = expectOk(await tenant.writer.get<object>(`/v1/ingest/t/receipts?key=k-${sent - 1}`));
    expect(between).toMatchObject({ state: 'visible' });
    expect(between).not.toHaveProperty('file');
    const first = expectOk(await tenant.writer.get<object>(`/v1/ingest/t/receipts?key=k-${sent - 2}`));
    expect(first).toHaveProperty('file');
  });
});

describe('a layout that cannot be', () => {
  it.each([
    [{ partition_spec: [{ column: 'nope', transform: 'hour' }] }, '$.partition_spec[0].column'],
    [{ partition_spec: [{ column: 'country', transform: 'hour' }] }, '$.partition_spec[0].transform'],
    [{ partition_spec: [{ column: 'country', transform: 'bucket(5000)' }] }, '$.partition_spec[0].transform'],
    [{ partition_spec: [{ column: 'country' }] }, '$.partition_spec[0].transform'],
    [{ partition_spec: ['hour'] }, '$.partition_spec[0]'],
    [{ partition_spec: 'hour' }, '$.partition_spec'],
    [{ sort_order: [{ column: 'nope' }] }, '$.sort_order[0].column'],
    [{ sort_order: [{ column: 'country', direction: 'up' }] }, '$.sort_order[0].direction'],
  ])('is refused: %j', async (layout, path) => {
    const refused = await create(layout);
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    expectOk(await create());
    const again = await alter(layout);
    expect(again).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    const violations = [refused, again].map(
      ({ body }) => (body as unknown as { context: { violations: { path: string }[] } }).context.violations,
    );
    for (const [violation] of violations) expect(violation?.path.startsWith(path)).toBe(true);
    expect(expectOk(await tenant.tableAdmin.get('/v1/tables/t'))).toMatchObject({ schema_version: 1 });
  });

  it('is refused where a column goes that it needs, unless the layout goes on without it', async () => {
    expectOk(
      await create({
        partition_spec: [{ column: 'country', transform: 'bucket(4)' }],
        sort_order: [{ column: 'country' }],
      }),
    );
    const changes = [{ op: 'drop_column', name: 'country' }];
    expect(await alter({ changes })).toMatchObject({
      status: 409,
      body: {
        error_code: 'SCHEMA_INCOMPATIBLE',
        context: {
          violations: [
            { column: 'country', rule: 'partition_source' },
            { column: 'country', rule: 'sort_source' },
          ],
        },
      },
    });
    expect(
      expectOk(
        await alter({ changes, partition_spec: [{ column: 'id', transform: 'bucket(4)' }], sort_order: [] }),
      ),
    ).toMatchObject({ schema_version: 2, partition_spec_id: 2 });
  });
});
