import { erase, keyedCalls, record, upsert } from '../support/keyed-calls.js';
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

const { accept, alter, create, publish, rows } = keyedCalls(() => tenant);

const KEY = (type: string) => ({ name: 'k', type });
const VALUE = { name: 'v', type: 'int' };

const ACCOUNTS = [
  { name: 'region', type: 'string' },
  { name: 'id', type: 'int' },
  { name: 'balance', type: 'decimal(18,2)' },
  { name: 'note', type: 'string', default: 'none' },
];

describe('a keyed table', () => {
  it('shows the row that was written last, whole, and no row whose key was deleted last', async () => {
    expect(expectOk(await create('accounts', ['region', 'id'], ACCOUNTS))).toMatchObject({
      primary_key_cols: ['region', 'id'],
      schema: { columns: [{ nullable: false }, { nullable: false }, { nullable: true }, { nullable: true }] },
    });
    const all = 'SELECT region, id, balance, note FROM accounts ORDER BY region, id';
    const first = await publish(
      'accounts',
      record('insert', { region: 'eu', id: 1, balance: '1.00', note: 'a' }),
      record('insert', { region: 'us', id: 1, balance: '2.00' }),
      record('insert', { region: 'eu', id: 2, balance: '3.00' }),
    );
    const atFirst = [
      ['eu', 1, '1.00', 'a'],
      ['eu', 2, '3.00', 'none'],
      ['us', 1, '2.00', 'none'],
    ];
    expect(await rows(all)).toEqual(atFirst);
    const second = await publish(
      'accounts',
      upsert({ region: 'eu', id: 1 }),
      record('insert', { region: 'us', id: 1, balance: '9.00' }),
      erase({ region: 'eu', id: 2 }),
      erase({ region: 'mars', id: 7 }),
    );
    const atSecond = [
      ['eu', 1, null, 'none'],
      ['us', 1, '9.00', 'none'],
    ];
    expect(await rows(all)).toEqual(atSecond);
    await publish(
      'accounts',
      upsert({ region: 'eu', id: 2, balance: '4.00' }),
      erase({ region: 'us', id: 1 }),
    );
    expect(await rows(all)).toEqual([
      ['eu', 1, null, 'none'],
      ['eu', 2, '4.00', 'none'],
    ]);
    expect(await rows(all, { snapshot_id: first })).toEqual(atFirst);
    expect(await rows(all, { snapshot_id: second })).toEqual(atSecond);
    expect(await rows('SELECT count(*) FROM accounts')).toEqual([[2]]);
    expect(await rows("SELECT count(*) FROM accounts WHERE region = 'us'")).toEqual([[0]]);
  });

  it('takes the last of a key in one request, and of several requests in one commit', async () => {
    expectOk(
      await create(
        't',
        ['id'],
        [
          { name: 'id', type: 'long' },
          { name: 'v', type: 'int' },
        ],
      ),
    );
    await accept(
      't',
      upsert({ id: 1, v: 1 }),
      upsert({ id: 1, v: 2 }),
      erase({ id: 2 }),
      upsert({ id: 2, v: 3 }),
    );
    await accept('t', upsert({ id: 3, v: 4 }), erase({ id: 3 }), upsert({ id: 4, v: 5 }));
    await publish('t', upsert({ id: 4, v: 6 }), erase({ id: 1 }), upsert({ id: 1, v: 7 }), erase({ id: 99 }));
    expect(await rows('SELECT id, v FROM t ORDER BY id')).toEqual([
      [1, 7],
      [2, 3],
      [4, 6],
    ]);
    await publish('t', ...[1, 2, 4, 5].map((id) => erase({ id })));
    expect(await rows('SELECT * FROM t')).toEqual([]);
    await publish('t', upsert({ id: 5, v: 8 }));
    expect(await rows('SELECT id, v FROM t')).toEqual([[5, 8]]);
  });

  it('knows a key by its value, however it is written', async () => {
    const keys: readonly [string, readonly unknown[], unknown][] = [
      ['decimal(10,3)', ['1.5', '1.500', 1.5], '2.5'],
      [
        'timestamptz',
        ['2026-01-02T03:04:05Z', '2026-01-02T05:04:05.000000+02:00'],
        '2026-01-02T03:04:05+02:00',
      ],
      ['timestamp', ['2026-01-02T03:04:05', '2026-01-02T03:04:05.000000'], '2026-01-02T03:04:06'],
      ['date', ['2026-01-02'], '2026-01-03'],
      ['time', ['10:20:30', '10:20:30.000000'], '10:20:31'],
      [
        'uuid',
        ['2F1E6A1C-7D36-4B7E-9E5A-0123456789AB', '2f1e6a1c-7d36-4b7e-9e5a-0123456789ab'],
        '2f1e6a1c-7d36-4b7e-9e5a-0123456789ac',
      ],
      ['long', ['9007199254740993'], '9007199254740992'],
      ['int', [7, 7.0], 8],
      ['boolean', [true], false],
      ['binary', ['AAE='], 'AAI='],
      // The bytes decide: composed and decomposed, with and without a space or a NUL at the end, are keys of their own.
      ['string', ['\u00e9', '\u00e9'], 'e\u0301'],
      ['string', ['a\u0000', 'a\u0000'], 'a'],
      ['string', ['a ', 'a '], 'a'],
      ['string', ['A', 'A'], 'a'],
      ['string', ['', ''], ' '],
    ];
    expectOk(await create('last', ['k'], [KEY('string'), VALUE]));
    for (const [index, [type]] of keys.entries())
      expectOk(await create(`k${index}`, ['k'], [KEY(type), VALUE]));
    const toEach = async (recordsOf: (spellings: readonly unknown[], other: unknown) => object[]) => {
      for (const [index, [, spellings, other]] of keys.entries()) {
        await accept(`k${index}`, ...recordsOf(spellings, other));
      }
      // One commit has them all.
      await publish('last', upsert({ k: 'last', v: 0 }));
      const sql = keys.map((_, index) => `SELECT ${index} AS place, v FROM k${index}`).join(' UNION ALL ');
      const found = await rows(`${sql} ORDER BY place, v`);
      return keys.map(([type], index) => [
        type,
        found.filter(([place]) => place === index).map(([, v]) => [v]),
      ]);
    };
    await toEach(([first], other) => [upsert({ k: first, v: 0 }), upsert({ k: other, v: 100 })]);
    const rewritten = await toEach((spellings) => spellings.map((k, v) => upsert({ k, v })));
    expect(rewritten).toEqual(keys.map(([type, spellings]) => [type, [[spellings.length - 1], [100]]]));
    const deleted = await toEach((spellings) => [erase({ k: spellings.at(-1) })]);
    expect(deleted).toEqual(keys.map(([type]) => [type, [[100]]]));
  });

  it('keeps its key through renames and wider types, and old snapshots their names', async () => {
    expectOk(
      await create(
        't',
        ['id', 'price'],
        [
          { name: 'id', type: 'int' },
          { name: 'price', type: 'decimal(4,2)' },
          { name: 'v', type: 'int' },
        ],
      ),
    );
    const first = await publish(
      't',
      upsert({ id: 1, price: '1.00', v: 1 }),
      upsert({ id: 2, price: '1.00', v: 2 }),
    );
    const altered = expectOk(
      await alter(
        't',
        { op: 'rename_column', from: 'id', to: 'number' },
        { op: 'change_type', name: 'number', type: 'long' },
        { op: 'change_type', name: 'price', type: 'decimal(9,2)' },
        { op: 'move_column', name: 'v', after: null },
      ),
    );
    expect(altered.primary_key_cols).toEqual(['number', 'price']);
    await publish(
      't',
      upsert({ number: 1, price: '1.00', v: 3 }),
      upsert({ number: '9223372036854775807', price: '1234567.00', v: 4 }),
      erase({ number: 2, price: '1.00' }),
    );
    expect(
      await rows(
        'SELECT * EXCLUDE (_event_time, _ingested_at, _idempotency_key, _visibility_token) FROM t ORDER BY number',
      ),
    ).toEqual([
      [3, 1, '1.00'],
      [4, '9223372036854775807', '1234567.00'],
    ]);
    expect(await rows('SELECT id, v FROM t ORDER BY id', { snapshot_id: first })).toEqual([
      [1, 1],
      [2, 2],
    ]);
    for (const [change, rule] of [
      [{ op: 'drop_column', name: 'number' }, 'key_column_dropped'],
      [{ op: 'set_nullable', name: 'price', nullable: true }, 'key_column_nullable'],
    ] as const) {
      expect(await alter('t', change)).toMatchObject({
        status: 409,
        body: { error_code: 'SCHEMA_INCOMPATIBLE', context: { violations: [{ column: change.name, rule }] } },
      });
    }
  });

  it('shows nothing of how it keeps its deletes', async () => {
    expectOk(
      await create(
        't',
        ['id'],
        [
          { name: 'id', type: 'long' },
          { name: 'v', type: 'int' },
        ],
      ),
    );
    await publish('t', upsert({ id: 1, v: 1 }));
    await publish('t', upsert({ id: 1, v: 2 }));
    expect(await rows('DESCRIBE t')).toHaveLength(6);
    expect(await rows('SELECT table_name FROM information_schema.tables')).toEqual([['t']]);
    expect(await rows('SELECT count(*) FROM information_schema.columns')).toEqual([[6]]);
    for (const sql of ['SELECT _op FROM t', 'SELECT x.id FROM t', 'SELECT d.id FROM t', 'SELECT * FROM x']) {
      expect(await tenant.reader.query(sql)).toMatchObject({
        status: 400,
        body: { error_code: 'SQL_INVALID' },
      });
    }
    const answer = expectOk(await tenant.reader.query('SELECT v FROM t'));
    expect(answer.rows).toEqual([[2]]);
    // Of four files, the first delete file can hide nothing.
    expect(answer.stats.scanned_files).toBe(3);
  });

  it('tells where its events are', async () => {
    expectOk(await create('t', ['id'], [{ name: 'id', type: 'long' }]));
    const [written, deleted] = [upsert({ id: 1 }), erase({ id: 1 })];
    const first = await publish('t', written);
    const second = await publish('t', deleted);
    const receipt = async (key: string) =>
      expectOk(await tenant.writer.get(`/v1/ingest/t/receipts?key=${key}`));
    expect(await receipt(written.idempotency_key)).toMatchObject({
      state: 'visible',
      snapshot_id: first,
      file: expect.stringContaining('/part-') as string,
    });
    expect(await receipt(deleted.idempotency_key)).toMatchObject({
      state: 'visible',
      snapshot_id: second,
      file: expect.stringContaining('/deletes/delete-') as string,
    });
    const repeated = expectOk(await tenant.writer.ingest('t', { records: [deleted] }));
    expect(repeated).toMatchObject({ accepted_count: 0, duplicate_count: 1 });
    const reused = await tenant.writer.ingest('t', { records: [{ ...deleted, op: 'upsert' }] });
    expect(reused).toMatchObject({ status: 409, body: { error_code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  it('takes new columns from its events, and keeps its key', async () => {
    expectOk(await create('t', ['id'], [{ name: 'id', type: 'int' }], { evolution_mode: 'evolve' }));
    await publish('t', upsert({ id: 1, a: 1 }), upsert({ id: 2, a: 1.5 }));
    await publish('t', upsert({ id: 4_000_000_000 }), upsert({ id: 1, a: 'text' }), erase({ id: 2 }));
    expect(await rows('SELECT id, a FROM t ORDER BY id')).toEqual([
      [1, '"text"'],
      [4_000_000_000, null],
    ]);
    expect(await tenant.writer.ingest('t', { records: [upsert({ id: 'x' })] })).toMatchObject({
      status: 400,
      body: {
        error_code: 'SCHEMA_VIOLATION',
        context: { violations: [{ path: '$.records[0].payload.id', column: 'id', rule: 'key_column' }] },
      },
    });
  });
});
