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
    sendText: (body: string) => app.call('POST', URL, { key, body }),
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
    const long = ['x', 'y'].map((last) => 'x'.repeat(511) + last);
    const keys = [...PLANES, ...ODD, ...long, '😀'.repeat(128), `${PLANES.join('')}#`];
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

  it.each(['\\ud83d', '\\ude00', 'a\\ud83d\\ud83db'])('are refused with half of a pair: %s', async (half) => {
    const { sendText, receipts } = await orders();
    const answer = await sendText(
      `{"records": [${JSON.stringify(record('before'))}, {"idempotency_key": "${half}", "payload": {"id": 1}}]}`,
    );
    expect(answer).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    expect(violationPaths(answer)).toEqual(['$.records[1].idempotency_key']);
    expect(await receipts('before')).toEqual([{ key: 'before', state: 'unknown' }]);
  });

  it.each([
    ['1 byte', 'x', 202],
    ['512 bytes', 'x'.repeat(512), 202],
    ['a character of four bytes', '😀', 202],
    ['513 bytes', 'x'.repeat(513), 400],
    ['1 KB', 'x'.repeat(1024), 400],
  ])('of a request have the same bounds: %s', async (_, key, status) => {
    const { send } = await orders();
    const header = { 'idempotency-key': Buffer.from(key).toString('latin1') };
    const records = [{ payload: { id: 1 } }];
    expect(await send(records, header)).toMatchObject({ status });
    if (status === 202) {
      expect((await send(records, header)).body).toMatchObject({ duplicate_count: 1 });
      expect(await send([{ payload: { id: 2 } }], header)).toMatchObject({
        status: 409,
        body: { error_code: 'IDEMPOTENCY_KEY_REUSED' },
      });
    }
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

describe('a repeat, after its table has changed', () => {
  type Options = Record<string, unknown>;

  async function kept(options: Options = {}, headers: Record<string, string> = {}) {
    const { table_admin: admin, ingest_writer: key } = await app.tenant('table_admin', 'ingest_writer');
    const columns = ['id', 'old'].map((name) => ({ name, type: 'long' }));
    const table = { table_name: 'orders', schema: { columns }, ...options };
    await app.call('POST', '/v1/tables', { key: admin, body: table });
    const send = (records: unknown[], more: Options = {}, requestKey = headers) =>
      app.call('POST', URL, { key, body: { records, ...more }, headers: requestKey });
    const first = [wide(1), wide(2)].map((sent, index) =>
      headers['idempotency-key'] === undefined ? { idempotency_key: `k${index}`, ...sent } : sent,
    );
    expect(await send(first)).toMatchObject({ status: 202, body: { accepted_count: 2 } });
    const change = { changes: [{ op: 'drop_column', name: 'old' }] };
    expect((await app.call('PATCH', '/v1/tables/orders', { key: admin, body: change })).status).toBe(200);
    const version = async () =>
      (await app.call('GET', '/v1/tables/orders', { key: admin })).body.schema_version as number;
    return { first, send, version };
  }
  const wide = (id: number) => ({ payload: { id, old: 7 } });
  const repeated = (duplicates: number, accepted: number, token: number) => ({
    status: 202,
    body: { accepted_count: accepted, duplicate_count: duplicates, max_visibility_token: token },
  });

  it('is a duplicate although it does not fit any more', async () => {
    const { first, send } = await kept();
    expect(await send(first)).toMatchObject(repeated(2, 0, 2));
    expect(await send([{ ...wide(1), idempotency_key: 'k0' }])).toMatchObject(repeated(1, 0, 1));
  });

  it('may stand beside new records that fit, not beside new ones that do not', async () => {
    const { first, send } = await kept();
    const misfit = { ...wide(3), idempotency_key: 'k3' };
    const refused = await send([...first, misfit, record('k4', 4)]);
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'SCHEMA_VIOLATION' } });
    expect(violationPaths(refused)).toEqual(['$.records[2].payload.old']);
    expect(await send([...first, record('k4', 4)])).toMatchObject(repeated(2, 1, 5));
  });

  it('is refused with other content', async () => {
    const { send } = await kept();
    expect(await send([{ ...wide(2), idempotency_key: 'k0' }])).toMatchObject({
      status: 409,
      body: { error_code: 'IDEMPOTENCY_KEY_REUSED' },
    });
  });

  it('is found by the key of its request', async () => {
    const { first, send } = await kept({}, { 'idempotency-key': 'batch' });
    expect(await send(first)).toMatchObject(repeated(2, 0, 2));
    expect(await send(first.slice(1))).toMatchObject({ status: 409 });
    expect(await send(first, {}, { 'idempotency-key': 'other' })).toMatchObject({ status: 400 });
  });

  it('is no dead letter', async () => {
    const { first, send } = await kept();
    const misfit = { ...wide(3), idempotency_key: 'k3' };
    expect((await send([...first, misfit], { on_invalid: 'quarantine' })).body).toMatchObject({
      accepted_count: 0,
      duplicate_count: 2,
      quarantined_count: 1,
    });
  });

  it('does not change a table that learns', async () => {
    const { first, send, version } = await kept({ evolution_mode: 'evolve' });
    const before = await version();
    expect(await send(first)).toMatchObject(repeated(2, 0, 2));
    expect(await version()).toBe(before);
    const grown = await send([...first, { idempotency_key: 'k5', payload: { id: 5, fresh: 1 } }]);
    expect(grown).toMatchObject(repeated(2, 1, 5));
    expect(await version()).toBe(before + 1);
  });
});
