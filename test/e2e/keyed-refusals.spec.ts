import { erase, keyedCalls, type Op, record, upsert } from '../support/keyed-calls.js';
import { type TestTenant, TestService } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  // Events wait for whoever asks for their token, so that a test decides what is in one commit.
  service = await TestService.start({ env: { TIDEMARK_COMMIT_MAX_DELAY_MS: '600000' } });
});

afterAll(() => service.dispose());

beforeEach(async () => {
  tenant = await service.createTenant();
});

const { alter, create, rows } = keyedCalls(() => tenant);

describe('what does not fit a keyed table', () => {
  it('is set aside, and the rest is taken', async () => {
    expectOk(
      await create(
        't',
        ['id'],
        [
          { name: 'id', type: 'long', default: 5 },
          { name: 'v', type: 'int' },
        ],
      ),
    );
    const answer = expectOk(
      await tenant.writer.ingest('t', {
        on_invalid: 'quarantine',
        wait_for_visibility: true,
        visibility_timeout_ms: 60_000,
        records: [
          upsert({ id: 1, v: 1 }),
          upsert({ id: 1, w: 9 }),
          erase({}),
          upsert({ id: null }),
          upsert({ v: 2 }),
          erase({ id: 1 }),
          upsert({ id: 1, v: 3 }),
        ],
      }),
    );
    expect(answer).toMatchObject({ accepted_count: 4, quarantined_count: 3 });
    expect(await rows('SELECT id, v FROM t ORDER BY id')).toEqual([
      [1, 3],
      [5, 2],
    ]);

    // Their table was written to since: they would be the last of their keys.
    expectOk(await alter('t', { op: 'add_column', column: { name: 'w', type: 'int' } }));
    const { dead_letters } = expectOk(
      await tenant.admin.get<{ dead_letters: { dead_letter_id: number; record: string }[] }>(
        '/v1/dead-letters',
      ),
    );
    const ids = dead_letters
      .filter(({ record: text }) => text.includes('"w"'))
      .map((one) => one.dead_letter_id);
    expect(await tenant.admin.post('/v1/dead-letters/replay', { ids })).toMatchObject({
      status: 400,
      body: { error_code: 'REQUEST_INVALID' },
    });
    const forced = expectOk(
      await tenant.admin.post<{ results: { state: string; visibility_token: number }[] }>(
        '/v1/dead-letters/replay',
        { ids, force: true },
      ),
    );
    expect(forced.results).toMatchObject([{ state: 'replayed' }]);
    const min_visibility_token = forced.results[0]?.visibility_token;
    expect(await rows('SELECT id, v, w FROM t WHERE id = 1', { min_visibility_token })).toEqual([
      [1, null, 9],
    ]);
  });

  it('is refused, and the place is named', async () => {
    const id = { name: 'id', type: 'long' };
    const columns = [
      id,
      { name: 'f', type: 'double' },
      { name: 'l', type: 'list<int>' },
      { name: 'n', type: 'int', nullable: true },
    ];
    for (const [key, path] of [
      [['no'], '$.primary_key_cols[0]'],
      [['ID'], '$.primary_key_cols[0]'],
      [['id', 'f'], '$.primary_key_cols[1]'],
      [['l'], '$.primary_key_cols[0]'],
      [['id', 'id'], '$.primary_key_cols[1]'],
      [['n'], '$.primary_key_cols[0]'],
      [['_visibility_token'], '$.primary_key_cols[0]'],
      [Array.from({ length: 17 }, (_, n) => `c${n}`), '$.primary_key_cols'],
      ['id', '$.primary_key_cols'],
      [[5], '$.primary_key_cols'],
    ] as const) {
      const answer = await create('t', key as never, columns);
      expect(answer).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
      expect(JSON.stringify(answer.body)).toContain(path);
    }
    expect(
      await tenant.tableAdmin.post('/v1/tables', { table_name: 't', primary_key_cols: ['id'] }),
    ).toMatchObject({
      status: 400,
      body: { context: { violations: [{ path: '$.primary_key_cols' }] } },
    });
    expectOk(await create('keyed', ['id'], columns));
    expectOk(await create('plain', [], columns));
    for (const [table, sentRecord, code, path] of [
      ['plain', upsert({ id: 1 }), 'PRIMARY_KEY_REQUIRED', '$.records[0].op'],
      ['plain', erase({ id: 1 }), 'PRIMARY_KEY_REQUIRED', '$.records[0].op'],
      ['keyed', record('merge' as Op, { id: 1 }), 'REQUEST_INVALID', '$.records[0].op'],
      ['keyed', erase({}), 'SCHEMA_VIOLATION', '$.records[0].payload.id'],
      ['keyed', erase({ id: null }), 'SCHEMA_VIOLATION', '$.records[0].payload.id'],
      ['keyed', erase({ id: 'x' }), 'SCHEMA_VIOLATION', '$.records[0].payload.id'],
      ['keyed', erase({ id: 1, other: 1 }), 'SCHEMA_VIOLATION', '$.records[0].payload.other'],
      ['keyed', erase({ id: 1, f: 'x' }), 'SCHEMA_VIOLATION', '$.records[0].payload.f'],
      ['keyed', upsert({ f: 1 }), 'SCHEMA_VIOLATION', '$.records[0].payload.id'],
    ] as const) {
      expect(await tenant.writer.ingest(table, { records: [sentRecord] })).toMatchObject({
        status: 400,
        body: { error_code: code, context: { violations: [{ path }] } },
      });
    }
    expect(
      expectOk(await tenant.writer.ingest('keyed', { records: [erase({ id: 1, f: 1.5 })] })).accepted_count,
    ).toBe(1);
  });
});
