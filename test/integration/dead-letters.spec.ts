import { TableRegistry } from '../../src/modules/tables/index.js';
import { startIngestApp, violationPaths, type Answer, type IngestApp } from '../support/ingest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let app: IngestApp;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startIngestApp(database.url);
});
afterAll(async () => {
  await app.close();
  await database.drop();
});

const URL = '/v1/ingest/orders';
const LIST = '/v1/dead-letters';

interface Stage {
  readonly id: string;
  /** With on_invalid=quarantine. */
  readonly quarantine: (records: unknown[], headers?: Record<string, string>) => Promise<Answer>;
  readonly send: (body: unknown, query?: string, headers?: Record<string, string>) => Promise<Answer>;
  readonly receipts: (...keys: string[]) => Promise<unknown[]>;
  readonly letters: (query?: string) => Promise<Record<string, unknown>[]>;
  readonly ops: (action: 'replay' | 'discard', ...ids: unknown[]) => Promise<Answer>;
  readonly list: (query?: string) => Promise<Answer>;
  /** As a schema change does it. */
  readonly setType: (column: string, type: string) => Promise<void>;
  readonly drop: () => Promise<Answer>;
  readonly writerKey: string;
}

async function openStage(): Promise<Stage> {
  const keys = await app.tenant('table_admin', 'ingest_writer', 'ops_admin');
  const { id, table_admin, ingest_writer, ops_admin } = keys;
  const columns = [
    { name: 'id', type: 'long', nullable: false },
    { name: 'extra', type: 'json' },
  ];
  await app.call('POST', '/v1/tables', {
    key: table_admin,
    body: { table_name: 'orders', schema: { columns } },
  });
  const send: Stage['send'] = (body, query = '', headers = {}) =>
    app.call('POST', `${URL}${query}`, { key: ingest_writer, body, headers });
  const list = (query = '') => app.call('GET', `${LIST}${query}`, { key: ops_admin });
  return {
    id,
    send,
    list,
    writerKey: ingest_writer,
    quarantine: (records, headers) => send({ records, on_invalid: 'quarantine' }, '', headers),
    receipts: async (...wanted) => {
      const body = { keys: wanted };
      return (await app.call('POST', `${URL}/receipts`, { key: ingest_writer, body })).body
        .receipts as unknown[];
    },
    letters: async (query) => (await list(query)).body.dead_letters as Record<string, unknown>[],
    ops: (action, ...ids) => app.call('POST', `${LIST}/${action}`, { key: ops_admin, body: { ids } }),
    setType: async (column, type) => {
      await app.database.query(
        `UPDATE table_schema_version v SET schema_json = jsonb_build_object('columns', (
           SELECT jsonb_agg(CASE WHEN c ->> 'name' = $2 THEN jsonb_set(c, '{type}', to_jsonb($3::text)) ELSE c END)
           FROM jsonb_array_elements(schema_json -> 'columns') c))
         FROM table_def d WHERE d.table_id = v.table_id AND d.tenant_id = $1`,
        [id, column, type],
      );
      await app.database.query(
        `UPDATE tenant_clock SET catalog_epoch = catalog_epoch + 1 WHERE tenant_id = $1`,
        [id],
      );
    },
    drop: () => app.call('DELETE', '/v1/tables/orders', { key: table_admin }),
  };
}

const record = (key: string, id: unknown) => ({ idempotency_key: key, payload: { id } });
const idsOf = (letters: Record<string, unknown>[]) => letters.map((letter) => letter.dead_letter_id);

describe('on_invalid=quarantine', () => {
  it('takes the valid records, and puts the others into the dead letters with the reason', async () => {
    const stage = await openStage();
    const answer = await stage.quarantine([record('a', 1), record('b', 'x'), record('c', 3)]);
    expect(answer).toMatchObject({
      status: 202,
      body: { accepted_count: 2, duplicate_count: 0, quarantined_count: 1, max_visibility_token: 3 },
    });
    expect(await stage.letters()).toEqual([
      {
        dead_letter_id: expect.any(Number) as number,
        table_name: 'orders',
        state: 'dead',
        visibility_token: 2,
        idempotency_key: 'b',
        op: 'insert',
        record: '{"idempotency_key":"b","payload":{"id":"x"}}',
        record_bytes: 44,
        reason: expect.stringMatching(/^\$\.payload\.id: expected an integer .*; found "x"$/) as string,
        failed_at: expect.any(String) as string,
      },
    ]);
    expect(await stage.receipts('a', 'b', 'c')).toMatchObject([
      { state: 'accepted', visibility_token: 1 },
      { state: 'dead', visibility_token: 2, reason: expect.stringContaining('found "x"') as string },
      { state: 'accepted', visibility_token: 3 },
    ]);
  });

  it('works as a query parameter of NDJSON, and where every record is wrong', async () => {
    const stage = await openStage();
    const lines = [
      JSON.stringify(record('a', 'x')),
      '5',
      JSON.stringify({ idempotency_key: 'c', payload: [] }),
    ];
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'batch' };
    const answer = await stage.send(lines.join('\n'), '?on_invalid=quarantine', headers);
    expect(answer).toMatchObject({ status: 202, body: { accepted_count: 0, quarantined_count: 3 } });
    expect(await stage.letters()).toMatchObject([
      { idempotency_key: 'c', reason: '$.payload: must be an object' },
      { idempotency_key: 'batch#1', record: '5', reason: '$: a record must be an object' },
      { idempotency_key: 'a' },
    ]);
    expect(await stage.receipts('batch#1')).toMatchObject([{ state: 'dead', visibility_token: 2 }]);
    const request = await app.call('GET', `${URL}/receipts?request_key=batch`, { key: stage.writerKey });
    expect(request.body).toMatchObject({ state: 'dead', record_count: 3, dead_count: 3 });
  });

  it('counts a repeat as a duplicate, whatever was wrong with it, and refuses other content', async () => {
    const stage = await openStage();
    const records = [
      record('a', 1),
      record('b', 'x'),
      { idempotency_key: 'c', op: 'bogus', payload: { id: 3 } },
      { idempotency_key: 'd', payload: { id: 4 }, more: { digits: 12345678901234567890n.toString() } },
    ];
    const first = await stage.quarantine(records);
    expect(first.body).toMatchObject({ accepted_count: 1, quarantined_count: 3, max_visibility_token: 4 });
    expect((await stage.quarantine(records)).body).toMatchObject({
      accepted_count: 0,
      duplicate_count: 4,
      quarantined_count: 0,
      max_visibility_token: 4,
    });
    expect(await stage.letters()).toHaveLength(3);
    expect(await stage.quarantine([record('b', 'y')])).toMatchObject({
      status: 409,
      body: { error_code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect(await stage.quarantine([record('z', 'bad'), record('b', 2)])).toMatchObject({ status: 409 });
    // All or nothing holds for the dead letters too.
    expect(await stage.letters()).toHaveLength(3);
    // A fault of the table is not the writer's: the same records are duplicates under another schema, too.
    await stage.setType('id', 'string');
    expect((await stage.quarantine([record('b', 'x')])).body).toMatchObject({ duplicate_count: 1 });
  });

  it('keeps the digits that were sent', async () => {
    const stage = await openStage();
    const body =
      '{"on_invalid":"quarantine","records":[{"idempotency_key":"a","payload":{"id":123456789012345678901}}]}';
    expect((await stage.send(body)).body).toMatchObject({ quarantined_count: 1 });
    expect((await stage.letters())[0]?.record).toBe(
      '{"idempotency_key":"a","payload":{"id":123456789012345678901}}',
    );
  });

  it.each<[string, unknown, string, string]>([
    [
      'a key that is too long',
      record('k'.repeat(513), 'x'),
      'REQUEST_INVALID',
      '$.records[1].idempotency_key',
    ],
    ['a key with NUL', record('a\0', 'x'), 'REQUEST_INVALID', '$.records[1].idempotency_key'],
    [
      'a key of another type',
      { idempotency_key: 5, payload: {} },
      'REQUEST_INVALID',
      '$.records[1].idempotency_key',
    ],
    ['no key at all', { payload: { id: 'x' } }, 'IDEMPOTENCY_KEY_REQUIRED', '$.records[1].idempotency_key'],
    ['no record at all', 5, 'IDEMPOTENCY_KEY_REQUIRED', '$.records[1].idempotency_key'],
  ])('refuses a request with %s', async (_, wrong, code, path) => {
    const stage = await openStage();
    const answer = await stage.quarantine([record('a', 'x'), wrong]);
    expect(answer).toMatchObject({ status: 400, body: { error_code: code } });
    expect(violationPaths(answer)).toContain(path);
    expect(await stage.letters()).toEqual([]);
    expect(await stage.receipts('a')).toEqual([{ key: 'a', state: 'unknown' }]);
  });

  it('refuses what is no JSON, and a member that is there twice', async () => {
    const stage = await openStage();
    for (const body of [
      '{"on_invalid":"quarantine","records":[{',
      '{"on_invalid":"quarantine","records":[{"idempotency_key":"a","payload":{"id":"x","id":"y"}}]}',
    ])
      expect(await stage.send(body)).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    expect(await stage.letters()).toEqual([]);
  });

  it('is kept with the whole group, also among concurrent writers of the same keys', async () => {
    const stage = await openStage();
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        stage.quarantine([
          record(`k${n % 4}`, n % 4 === 1 ? 'x' : n % 4),
          record(`own${n}`, n % 3 === 0 ? 'x' : n),
        ]),
      ),
    );
    const sum = (field: string) => answers.reduce((total, { body }) => total + Number(body[field]), 0);
    expect([sum('accepted_count'), sum('quarantined_count'), sum('duplicate_count')]).toEqual([11, 5, 8]);
    const letters = await stage.letters();
    expect(letters.map((letter) => letter.idempotency_key).toSorted()).toEqual([
      'k1',
      'own0',
      'own3',
      'own6',
      'own9',
    ]);
    for (const letter of letters) {
      const [receipt] = await stage.receipts(String(letter.idempotency_key));
      expect(receipt).toMatchObject({ state: 'dead', visibility_token: letter.visibility_token });
    }
  });
});

describe('replay', () => {
  it('gives an event that fits now a new token, once, and receipts and duplicates follow it', async () => {
    const stage = await openStage();
    await stage.quarantine([record('a', 'x'), record('b', 2)]);
    const [id] = idsOf(await stage.letters());
    await stage.setType('id', 'string');
    const replayed = { results: [{ dead_letter_id: id, state: 'replayed', visibility_token: 3 }] };
    // At the same time, and again: one new token.
    const answers = await Promise.all([1, 2, 3].map(() => stage.ops('replay', id)));
    expect(answers.map(({ body }) => body)).toEqual([replayed, replayed, replayed]);
    expect((await stage.ops('replay', id)).body).toEqual(replayed);
    expect(await stage.letters()).toMatchObject([
      { state: 'replayed', visibility_token: 1, replayed_token: 3 },
    ]);
    expect(await stage.receipts('a')).toEqual([{ key: 'a', state: 'accepted', visibility_token: 3 }]);
    expect((await stage.quarantine([record('a', 'x')])).body).toMatchObject({
      duplicate_count: 1,
      max_visibility_token: 3,
    });
    const events = await app.database.query<{ count: number }[]>(
      `SELECT sum(record_count)::int AS count FROM ingest_batch WHERE tenant_id = $1`,
      [stage.id],
    );
    expect(events).toEqual([{ count: 2 }]);
  });

  it('is checked again where the catalog changes while it goes on', async () => {
    const stage = await openStage();
    await stage.quarantine([record('a', 'x')]);
    const ids = idsOf(await stage.letters());
    const registry = app.nest.get(TableRegistry, { strict: false });
    const refresh = registry.refresh.bind(registry);
    const before = await refresh(stage.id, 'orders');
    await stage.setType('id', 'string');
    const after = await refresh(stage.id, 'orders');
    let reads = 0;
    // The first read is of an older epoch, which only the clock can tell.
    registry.refresh = () => {
      reads += 1;
      return Promise.resolve(reads === 1 ? { ...after, catalogEpoch: before.catalogEpoch } : after);
    };
    try {
      expect((await stage.ops('replay', ...ids)).body).toMatchObject({
        results: [{ state: 'replayed', visibility_token: 2 }],
      });
    } finally {
      registry.refresh = refresh;
    }
    expect(reads).toBe(2);
  });

  it('leaves an event dead that still does not fit, with the new reason', async () => {
    const stage = await openStage();
    await stage.quarantine([record('a', 'x'), { idempotency_key: 'b', op: 'upsert', payload: { id: 1 } }]);
    await stage.setType('id', 'boolean');
    const ids = idsOf(await stage.letters());
    expect((await stage.ops('replay', ...ids)).body).toEqual({
      results: [
        {
          dead_letter_id: ids[0],
          state: 'dead',
          reason: expect.stringContaining(
            '$.op: the table has no primary key, so it takes insert only',
          ) as string,
        },
        {
          dead_letter_id: ids[1],
          state: 'dead',
          reason: '$.payload.id: expected true or false; not null; found "x"',
        },
      ],
    });
    expect((await stage.letters())[1]).toMatchObject({
      state: 'dead',
      reason: '$.payload.id: expected true or false; not null; found "x"',
    });
    expect(await stage.receipts('a')).toMatchObject([
      { state: 'dead', reason: expect.stringContaining('true') as string },
    ]);
  });

  it('follows a replay of a replay', async () => {
    const stage = await openStage();
    await stage.quarantine([record('a', 'x')]);
    const [first] = idsOf(await stage.letters());
    await stage.setType('id', 'string');
    await stage.ops('replay', first);
    // What a coordinator does to an event that it cannot write.
    await app.database.query(
      `INSERT INTO dead_letter (tenant_id, table_id, token, idempotency_key, payload, op, reason)
       SELECT tenant_id, table_id, replayed_token, idempotency_key, payload, op, 'again' FROM dead_letter
       WHERE dead_letter_id = $1`,
      [first],
    );
    expect(await stage.receipts('a')).toMatchObject([{ state: 'dead', reason: 'again' }]);
    const [second] = idsOf(await stage.letters('?state=dead'));
    expect((await stage.ops('replay', second)).body).toMatchObject({ results: [{ visibility_token: 3 }] });
    expect(await stage.receipts('a')).toEqual([{ key: 'a', state: 'accepted', visibility_token: 3 }]);
    expect((await stage.quarantine([record('a', 'x')])).body).toMatchObject({ max_visibility_token: 3 });
    expect((await stage.ops('replay', first)).body).toMatchObject({ results: [{ visibility_token: 2 }] });
  });

  it('answers for each id, and refuses the request where none can be replayed', async () => {
    const stage = await openStage();
    await stage.quarantine([record('a', 'x'), record('b', 'y')]);
    const [b, a] = idsOf(await stage.letters());
    await stage.setType('id', 'string');
    expect((await stage.ops('discard', a)).body).toEqual({
      results: [{ dead_letter_id: a, state: 'discarded' }],
    });
    const unknown = 999_999;
    expect((await stage.ops('replay', a, unknown, b)).body).toMatchObject({
      results: [
        { dead_letter_id: a, state: 'refused', error_code: 'REQUEST_INVALID' },
        { dead_letter_id: unknown, state: 'refused', error_code: 'NOT_FOUND' },
        { dead_letter_id: b, state: 'replayed' },
      ],
    });
    expect(await stage.ops('replay', unknown)).toMatchObject({
      status: 404,
      body: { error_code: 'NOT_FOUND' },
    });
    const refused = await stage.ops('replay', a);
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    expect(violationPaths(refused)).toEqual(['$.ids[0]']);
    expect(await stage.receipts('a')).toMatchObject([{ state: 'discarded', visibility_token: 1 }]);
  });

  it('leaves the events of a dropped table dead', async () => {
    const stage = await openStage();
    await stage.quarantine([record('a', 'x')]);
    const ids = idsOf(await stage.letters());
    await stage.drop();
    expect((await stage.ops('replay', ...ids)).body).toMatchObject({
      results: [{ state: 'dead', reason: 'its table was dropped' }],
    });
    expect(await stage.letters('?table=orders')).toHaveLength(1);
  });
});

describe('discard', () => {
  it('is final, may be repeated, and spares what was replayed', async () => {
    const stage = await openStage();
    await stage.quarantine([record('a', 'x'), record('b', 'y')]);
    const [b, a] = idsOf(await stage.letters());
    await stage.setType('id', 'string');
    await stage.ops('replay', b);
    for (let n = 0; n < 2; n++)
      expect((await stage.ops('discard', a, b)).body).toMatchObject({
        results: [{ state: 'discarded' }, { state: 'refused', error_code: 'REQUEST_INVALID' }],
      });
    expect(await stage.ops('discard', b)).toMatchObject({ status: 400 });
    expect(await stage.ops('discard', 999_999)).toMatchObject({ status: 404 });
    expect((await stage.letters()).map((letter) => letter.state)).toEqual(['replayed', 'discarded']);
  });
});

describe('the list', () => {
  it('goes by pages, newest first, and filters by table and state', async () => {
    const stage = await openStage();
    await stage.quarantine(Array.from({ length: 5 }, (_, n) => record(`k${n}`, 'x')));
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const { body } = await stage.list(`?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...(body.dead_letters as Record<string, unknown>[]).map((letter) => letter.idempotency_key));
      cursor = (body.next_cursor as string | null) ?? '';
    } while (cursor !== '');
    expect(seen).toEqual(['k4', 'k3', 'k2', 'k1', 'k0']);
    expect(await stage.letters('?table=orders&state=dead')).toHaveLength(5);
    expect(await stage.letters('?state=replayed')).toEqual([]);
    expect(await stage.list('?table=never')).toMatchObject({
      status: 404,
      body: { error_code: 'TABLE_NOT_FOUND' },
    });
  });

  it('cuts long records', async () => {
    const stage = await openStage();
    await stage.quarantine([record('a', 'x'.repeat(10_000))]);
    const [letter] = await stage.letters();
    expect(String(letter?.record)).toHaveLength(4096);
    expect(letter?.record_bytes).toBeGreaterThan(10_000);
  });

  it('and every other call knows nothing of other tenants, and asks for the role', async () => {
    const stage = await openStage();
    const other = await openStage();
    await stage.quarantine([record('a', 'x')]);
    const ids = idsOf(await stage.letters());
    expect(await other.letters()).toEqual([]);
    expect(await other.ops('replay', ...ids)).toMatchObject({ status: 404 });
    expect(await other.ops('discard', ...ids)).toMatchObject({ status: 404 });
    expect(await stage.letters('?state=dead')).toHaveLength(1);
    expect(await app.call('GET', LIST, { key: stage.writerKey })).toMatchObject({ status: 403 });
    expect(await app.call('POST', `${LIST}/replay`, { key: stage.writerKey, body: { ids } })).toMatchObject({
      status: 403,
    });
  });

  it.each<[string, (stage: Stage) => Promise<Answer>]>([
    ['no ids', (stage) => stage.ops('replay')],
    ['an id that is text', (stage) => stage.ops('replay', '1')],
    ['an id beyond all', (stage) => stage.ops('replay', 1e300)],
    ['an id of 0', (stage) => stage.ops('discard', 0)],
    ['too many ids', (stage) => stage.ops('replay', ...Array.from({ length: 1001 }, (_, n) => n + 1))],
    ['another state', (stage) => stage.list('?state=gone')],
    ['a cursor of nothing', (stage) => stage.list('?cursor=abc')],
    ['a limit of 0', (stage) => stage.list('?limit=0')],
  ])('refuses %s', async (_, call) => {
    expect(await call(await openStage())).toMatchObject({
      status: 400,
      body: { error_code: 'REQUEST_INVALID' },
    });
  });
});
