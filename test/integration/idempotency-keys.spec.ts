import { INGEST_BUS, type IngestBus } from '../../src/modules/bus/index.js';
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

const URL = '/v1/ingest/orders';
const record = (key: string, id = 1) => ({ idempotency_key: key, payload: { id } });

async function orders() {
  const { table_admin, ingest_writer: key } = await app.tenant('table_admin', 'ingest_writer');
  const schema = { columns: [{ name: 'id', type: 'long' }] };
  await app.call('POST', '/v1/tables', { key: table_admin, body: { table_name: 'orders', schema } });
  return {
    send: (records: unknown[], headers: Record<string, string> = {}) =>
      app.call('POST', URL, { key, body: { records }, headers }),
    receipts: async (...keys: string[]) =>
      (await app.call('POST', `${URL}/receipts`, { key, body: { keys } })).body.receipts,
  };
}

/** The first and a last-but-some character of each plane, assigned or not, and what text processing treats apart. */
const PLANES = Array.from({ length: 17 }, (_, plane) => [
  String.fromCodePoint(plane * 0x10000 + 0x41),
  String.fromCodePoint(plane * 0x10000 + 0xfffd),
]).flat();
const ODD = [
  '\u0001',
  '\u007f',
  '\u00a0',
  '\u200b',
  '\ufeff',
  '\u202e',
  '\ufdd0',
  'e\u0301',
  '\u00e9',
  '"',
  '\\',
  "'",
];

describe('idempotency keys', () => {
  it('are told apart and found again, of any plane of Unicode and of 1 to 512 bytes', async () => {
    const { send, receipts } = await orders();
    const keys = [...PLANES, ...ODD, 'x'.repeat(512), '😀'.repeat(128), `${PLANES.join('')}#`];
    const unique = [...new Set(keys)];
    const answer = await send(unique.map((key) => record(key)));
    expect(answer).toMatchObject({ status: 202, body: { accepted_count: unique.length } });
    expect(await receipts(...unique)).toMatchObject(
      unique.map((key, index) => ({ key, state: 'accepted', visibility_token: index + 1 })),
    );
    expect((await send(unique.map((key) => record(key)))).body).toMatchObject({
      accepted_count: 0,
      duplicate_count: unique.length,
    });
  });

  it.each<[string, string]>([
    ['none', ''],
    ['513 bytes', 'x'.repeat(513)],
    ['1 KB', 'x'.repeat(1024)],
    ['513 bytes in fewer characters', `${'😀'.repeat(128)}x`],
    ['NUL', 'a\0b'],
  ])('are refused with %s, and so is the request', async (_, key) => {
    const { send, receipts } = await orders();
    const answer = await send([record('before'), record(key)]);
    expect(answer).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    expect(violationPaths(answer)).toEqual(['$.records[1].idempotency_key']);
    expect(await receipts('before')).toEqual([{ key: 'before', state: 'unknown' }]);
  });

  it('are refused for other content in one request, and nothing of it is kept', async () => {
    const { send, receipts } = await orders();
    expect(await send([record('a', 1), record('b', 1), record('a', 2)])).toMatchObject({
      status: 409,
      body: { error_code: 'IDEMPOTENCY_KEY_REUSED', context: { record: 2 } },
    });
    expect(await receipts('a', 'b')).toMatchObject([{ state: 'unknown' }, { state: 'unknown' }]);
    expect((await send([record('a', 1), record('a', 1)])).body).toMatchObject({
      accepted_count: 1,
      duplicate_count: 1,
    });
  });

  it('stand for one of two contents that are sent at the same time', async () => {
    const { send } = await orders();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => send([record('a', n % 2)])));
    const kept = answers.flatMap(({ status }, n) => (status === 202 ? [n % 2] : []));
    expect(new Set(kept).size).toBe(1);
    expect(kept).toHaveLength(5);
    for (const { status, body } of answers)
      if (status !== 202) expect(body).toMatchObject({ error_code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('are remembered for a window at least, and new after two rotations', async () => {
    const { send, receipts } = await orders();
    const bus = app.nest.get<IngestBus>(INGEST_BUS, { strict: false });
    await send([record('a', 1)]);
    await bus.rotate('24h');
    expect(await send([record('a', 2)])).toMatchObject({ status: 409 });
    expect((await send([record('a', 1)])).body).toMatchObject({
      duplicate_count: 1,
      max_visibility_token: 1,
    });
    await bus.rotate('24h');
    expect(await receipts('a')).toEqual([{ key: 'a', state: 'unknown' }]);
    expect((await send([record('a', 2)])).body).toMatchObject({ accepted_count: 1, max_visibility_token: 2 });
  });
});
