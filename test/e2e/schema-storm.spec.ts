import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk, type Problem } from '../support/service-client.js';

const WRITERS = 3;
const RUN_MS = 6_000;
const KEPT_COLUMNS = 6;
const EVENTS_A_LOOK = 10;
/** Below the rows of one answer. */
const MAX_EVENTS = 9_000;

interface Schema {
  readonly schema_version: number;
  readonly created_snapshot_id: number;
  readonly schema: { readonly columns: readonly { readonly id: number; readonly name: string }[] };
}

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await TestService.start();
  tenant = await service.createTenant();
  await createTable(tenant.tableAdmin, 'steps', [{ name: 'id', type: 'int', nullable: false }]);
});

afterAll(() => service.dispose());

/** Columns are called `c<n>` or, when renamed, `r<n>`; their value in event `id` tells both numbers. */
const numberOf = (name: string) => Number(name.slice(1));
const valueOf = (id: number, n: number) => id * 1_000 + n;

it('loses no event and mixes no column up while the schema changes under the writers', async () => {
  /** By event, the numbers of the columns that it was accepted with. */
  const accepted = new Map<number, ReadonlySet<number>>();
  const stopAt = Date.now() + RUN_MS;
  let lastToken = 0;
  let refused = 0;
  let changes = 0;
  let conflicts = 0;

  const currentNames = async () => {
    const table = expectOk(await tenant.admin.get<Schema>('/v1/tables/steps'));
    return table.schema.columns.map(({ name }) => name).filter((name) => name !== 'id');
  };

  const write = async (writer: number) => {
    let names: string[] = [];
    let next = writer;
    for (let request = 0; Date.now() < stopAt && next < MAX_EVENTS; request += 1) {
      if (request % EVENTS_A_LOOK === 0) names = await currentNames();
      const id = next;
      const payload = {
        id,
        ...Object.fromEntries(names.map((name) => [name, valueOf(id, numberOf(name))])),
      };
      const records = [{ idempotency_key: `e-${id}`, payload }];
      const answer = await tenant.writer.ingest('steps', { records });
      if (answer.status === 202) {
        accepted.set(id, new Set(names.map(numberOf)));
        lastToken = Math.max(lastToken, answer.body.max_visibility_token);
        next += WRITERS;
        continue;
      }
      // A column of the version that was looked at is gone or has another name.
      expect(answer).toMatchObject({ status: 400, body: { error_code: 'SCHEMA_VIOLATION' } });
      refused += 1;
      names = await currentNames();
    }
  };

  const change = async (changer: number) => {
    for (let n = changer; Date.now() < stopAt; n += 2) {
      const { headers, body } = await tenant.admin.get<Schema>('/v1/tables/steps');
      const [oldest, ...others] = body.schema.columns.filter(({ name }) => name !== 'id');
      const plain = others.find(({ name }) => name.startsWith('c'));
      const answer = await tenant.tableAdmin.patch<Problem>(
        '/v1/tables/steps',
        {
          changes: [
            { op: 'add_column', column: { name: `c${n}`, type: 'int' } },
            ...(plain === undefined
              ? []
              : [
                  { op: 'change_type', name: plain.name, type: 'long' },
                  { op: 'rename_column', from: plain.name, to: `r${numberOf(plain.name)}` },
                  { op: 'move_column', name: `r${numberOf(plain.name)}`, after: null },
                ]),
            ...(oldest !== undefined && others.length >= KEPT_COLUMNS
              ? [{ op: 'drop_column', name: oldest.name }]
              : []),
          ],
        },
        { 'If-Match': headers.get('etag') ?? '' },
      );
      if (answer.status === 200) changes += 1;
      else {
        expect(answer).toMatchObject({ status: 409, body: { error_code: 'SCHEMA_VERSION_CONFLICT' } });
        conflicts += 1;
      }
    }
  };

  await Promise.all([...Array.from({ length: WRITERS }, (_, writer) => write(writer)), change(0), change(1)]);
  expect(changes).toBeGreaterThan(10);
  expect(conflicts).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(0);
  expect(accepted.size).toBeGreaterThan(WRITERS);

  /** Every row of a snapshot against what its event was accepted with. Answers the ids and the columns. */
  const check = async (at: Record<string, unknown>) => {
    const sql =
      'SELECT * EXCLUDE (_visibility_token, _event_time, _ingested_at, _idempotency_key) FROM steps';
    const { columns, rows } = expectOk(await tenant.reader.query(sql, at));
    const names = columns.map(({ name }) => name);
    const ids = rows.map((row) => Number(row[names.indexOf('id')]));
    rows.forEach((row, index) => {
      const id = ids[index] ?? -1;
      const due = names.map((name) =>
        name === 'id' ? id : accepted.get(id)?.has(numberOf(name)) ? valueOf(id, numberOf(name)) : null,
      );
      expect(row).toEqual(due);
    });
    return { ids: ids.sort((a, b) => a - b), names };
  };

  const { ids } = await check({ min_visibility_token: lastToken });
  expect(ids).toEqual([...accepted.keys()].sort((a, b) => a - b));

  // Every version as its first snapshot had it.
  const versions: Schema[] = [];
  let url = '/v1/tables/steps/schemas?limit=50';
  while (url !== '') {
    const page = expectOk(await tenant.reader.get<{ schemas: Schema[]; next_cursor: string | null }>(url));
    versions.push(...page.schemas);
    url = page.next_cursor === null ? '' : `/v1/tables/steps/schemas?limit=50&cursor=${page.next_cursor}`;
  }
  expect(versions.map(({ schema_version }) => schema_version)).toEqual(
    Array.from({ length: changes + 1 }, (_, i) => i + 1),
  );
  const everyId = versions.flatMap(({ schema }) =>
    schema.columns.map(({ id, name }) => `${id} ${numberOf(name)}`),
  );
  // A field id stands for one column for ever.
  expect(new Set(everyId).size).toBe(new Set(everyId.map((pair) => pair.split(' ')[0])).size);
  const sample = versions.filter((_, i) => i % Math.ceil(versions.length / 25) === 0);
  let rowsBefore = 0;
  for (const { schema, created_snapshot_id } of sample) {
    const seen = await check({ snapshot_id: created_snapshot_id });
    expect(seen.names).toEqual(schema.columns.map(({ name }) => name));
    expect(seen.ids.length).toBeGreaterThanOrEqual(rowsBefore);
    rowsBefore = seen.ids.length;
  }
});
