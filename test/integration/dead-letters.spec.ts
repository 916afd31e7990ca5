import { TableRegistry } from '../../src/modules/tables/index.js';
import {
  idsOf,
  LETTERS_URL,
  openDeadLetterStage,
  record,
  type DeadLetterStage,
} from '../support/dead-letter-stage.js';
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

const openStage = () => openDeadLetterStage(app);

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
    expect(await app.call('GET', LETTERS_URL, { key: stage.writerKey })).toMatchObject({ status: 403 });
    expect(
      await app.call('POST', `${LETTERS_URL}/replay`, { key: stage.writerKey, body: { ids } }),
    ).toMatchObject({
      status: 403,
    });
  });

  it.each<[string, (stage: DeadLetterStage) => Promise<Answer>]>([
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
