import { Transactions } from '../../src/database/index.js';
import { DeadLetterUpkeep } from '../../src/modules/bus/index.js';
import { BEFORE_ALL_LETTERS, purgeDeadLetters } from '../../src/modules/bus/sql/purge-dead-letters.js';
import { startIngestApp, type IngestApp } from '../support/ingest-app.js';
import { age, upkeepOn } from '../support/ledger.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const DAY_MS = 86_400_000;
const RETENTION_MS = 30 * DAY_MS;

let database: TestDatabase;
let app: IngestApp;
let upkeep: DeadLetterUpkeep;

// One a test: rotations and purges are of all tenants.
beforeEach(async () => {
  database = await createTestDatabase();
  app = await startIngestApp(database.url);
  upkeep = upkeepWith(RETENTION_MS);
});
afterEach(async () => {
  await app.close();
  await database.drop();
});

const upkeepWith = (deadLetterRetentionMs: number) =>
  new DeadLetterUpkeep(new Transactions(app.database), { deadLetterRetentionMs });

/** A tenant with a table of one integer. */
async function openStage() {
  const { id, table_admin, ingest_writer, ops_admin } = await app.tenant(
    'table_admin',
    'ingest_writer',
    'ops_admin',
  );
  const body = { table_name: 'orders', schema: { columns: [{ name: 'id', type: 'int' }] } };
  await app.call('POST', '/v1/tables', { key: table_admin, body });
  const post = (url: string, key: string, json: unknown) => app.call('POST', url, { key, body: json });
  return {
    id,
    /** Records that do not fit, in one request. */
    quarantine: (...keys: string[]) =>
      post('/v1/ingest/orders', ingest_writer, {
        records: keys.map((key) => ({ idempotency_key: key, payload: { id: 2 ** 40 } })),
        on_invalid: 'quarantine',
      }),
    receipts: async (...keys: string[]) =>
      (await post('/v1/ingest/orders/receipts', ingest_writer, { keys })).body.receipts,
    letters: async () =>
      (await app.call('GET', '/v1/dead-letters', { key: ops_admin })).body.dead_letters as {
        readonly dead_letter_id: number;
        readonly idempotency_key: string;
      }[],
    resolve: (action: 'replay' | 'discard', ...ids: number[]) =>
      post(`/v1/dead-letters/${action}`, ops_admin, { ids }),
    widen: () =>
      app.call('PATCH', '/v1/tables/orders', {
        key: table_admin,
        body: { changes: [{ op: 'change_type', name: 'id', type: 'long' }] },
      }),
  };
}

/** What a coordinator would publish, so that nothing holds the ledger back. */
const publishAll = () =>
  app.database.query(
    `UPDATE tenant_head h SET published_token = c.last_token FROM tenant_clock c WHERE c.tenant_id = h.tenant_id`,
  );

/** So many windows of a class go by, with their upkeep. */
async function pass(windows: number, className: '24h' | '1h' = '24h'): Promise<void> {
  for (let n = 0; n < windows; n += 1) {
    await age(app.database, className);
    await upkeepOn(app.database).runOnce();
  }
}

const grow = (ms: number) =>
  app.database.query(`UPDATE dead_letter SET failed_at = failed_at - $1 * interval '1 millisecond'`, [ms]);

const NONE = { dead: 0, replayed: 0, discarded: 0 };
const incidents = () =>
  app.database.query<{ tenant_id: string; letters: number }[]>(
    `SELECT tenant_id, (details ->> 'letters')::int AS letters FROM incident_audit
     WHERE type = 'dead_letters_purged' ORDER BY incident_id`,
  );

it('deletes what is older than the retention and tells the operator of what nobody had looked after', async () => {
  const stage = await openStage();
  await stage.quarantine('old', 'discarded');
  const [discarded] = await stage.letters();
  await stage.resolve('discard', discarded?.dead_letter_id ?? 0);
  await publishAll();
  await pass(2);
  await grow(RETENTION_MS - DAY_MS);
  expect(await upkeep.runOnce()).toMatchObject({ purged: NONE, open: 1 });
  await grow(DAY_MS);
  await stage.quarantine('young');
  const report = await upkeep.runOnce();
  expect(report).toMatchObject({ purged: { dead: 1, replayed: 0, discarded: 1 }, open: 1 });
  expect(report.oldestOpenMs).toBeLessThan(DAY_MS);
  expect((await stage.letters()).map((letter) => letter.idempotency_key)).toEqual(['young']);
  expect(await stage.receipts('old', 'young')).toMatchObject([{ state: 'unknown' }, { state: 'dead' }]);
  expect(await stage.resolve('replay', discarded?.dead_letter_id ?? 0)).toMatchObject({ status: 404 });
  expect(await incidents()).toEqual([{ tenant_id: stage.id, letters: 1 }]);
});

it('keeps what the ledger still knows, whatever its age: receipts go on to say dead', async () => {
  const stage = await openStage();
  await stage.quarantine('a');
  await publishAll();
  await grow(10 * RETENTION_MS);
  await pass(1);
  expect(await upkeep.runOnce()).toMatchObject({ purged: NONE });
  expect(await stage.receipts('a')).toMatchObject([{ state: 'dead' }]);
  expect((await stage.quarantine('a')).body).toMatchObject({ duplicate_count: 1 });
  await pass(1);
  expect(await upkeep.runOnce()).toMatchObject({ purged: { dead: 1 } });
  expect(await stage.receipts('a')).toMatchObject([{ state: 'unknown' }]);
});

it('keeps what is not published yet, and every letter that a replay leads to', async () => {
  const stage = await openStage();
  await stage.quarantine('a');
  await stage.widen();
  const [first] = await stage.letters();
  expect(await stage.resolve('replay', first?.dead_letter_id ?? 0)).toMatchObject({ status: 200 });
  // What a coordinator does to an event that it cannot write.
  await app.database.query(
    `INSERT INTO dead_letter (tenant_id, table_id, token, idempotency_key, payload, op, reason)
     SELECT tenant_id, table_id, replayed_token, idempotency_key, payload, op, 'again' FROM dead_letter`,
  );
  await grow(2 * RETENTION_MS);
  await pass(3);
  expect(await upkeep.runOnce()).toMatchObject({ purged: NONE });
  // The header of the second is gone, that of the first is not.
  await app.database.query(
    `DELETE FROM ingest_batch WHERE last_token = (SELECT max(token) FROM dead_letter)`,
  );
  expect(await upkeep.runOnce()).toMatchObject({ purged: NONE });
  await publishAll();
  await pass(1);
  expect(await upkeep.runOnce()).toMatchObject({ purged: { dead: 0, replayed: 1 } });
  expect(await upkeep.runOnce()).toMatchObject({ purged: { dead: 1, replayed: 0 } });
  expect(await stage.letters()).toEqual([]);
});

it('comes to all letters, however many must be kept before them, and leaves what others hold', async () => {
  const [kept, purged] = [await openStage(), await openStage()];
  await kept.quarantine(...Array.from({ length: 2_500 }, (_, n) => `k${n}`));
  await purged.quarantine('a', 'b');
  await app.database.query(`UPDATE tenant_head h SET published_token = 1000 WHERE tenant_id = $1`, [
    purged.id,
  ]);
  await app.database.query(`DELETE FROM ingest_batch WHERE tenant_id = $1`, [purged.id]);
  await grow(2 * RETENTION_MS);
  const holder = app.database.createQueryRunner();
  try {
    await holder.startTransaction();
    await holder.query(`SELECT FROM dead_letter WHERE tenant_id = $1 AND token = 2 FOR UPDATE`, [purged.id]);
    expect(await upkeep.runOnce()).toMatchObject({ purged: { dead: 1 }, open: 2_501 });
    await holder.commitTransaction();
  } finally {
    await holder.release();
  }
  expect(await upkeep.runOnce()).toMatchObject({ purged: { dead: 1 }, open: 2_500 });
});

it('looks at none that is too young to go', async () => {
  const { id } = await openStage();
  const letters = (from: number, to: number, age: string) =>
    app.database.query(
      `INSERT INTO dead_letter (tenant_id, table_id, token, idempotency_key, payload, op, reason, failed_at)
       SELECT $1, 1, n, '', '', 'insert', 'unfit', clock_timestamp() - $2::interval FROM generate_series($3::int, $4::int) n`,
      [id, age, from, to],
    );
  await letters(1, 5_000, '1 day');
  await letters(5_001, 5_010, '31 days');
  await app.database.query('ANALYZE dead_letter');
  await new Transactions(app.database).write(async (tx) => {
    expect(await purgeDeadLetters(tx, BEFORE_ALL_LETTERS, RETENTION_MS, 20)).toMatchObject({
      last: { id: expect.any(Number) as number },
      purged: [{ tenant_id: id, state: 'dead', letters: 10 }],
    });
    const [{ read }] = await tx.query<[{ read: number }]>(
      `SELECT (seq_tup_read + idx_tup_fetch)::int AS read FROM pg_stat_xact_user_tables WHERE relname = 'dead_letter'`,
    );
    expect(read).toBeLessThan(100);
  });
});
