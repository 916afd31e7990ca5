import { openDeadLetterStage, ORDERS_URL, record } from '../support/dead-letter-stage.js';
import { startIngestApp, violationPaths, type IngestApp } from '../support/ingest-app.js';
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
    const request = await app.call('GET', `${ORDERS_URL}/receipts?request_key=batch`, {
      key: stage.writerKey,
    });
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
