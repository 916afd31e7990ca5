import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expectRefusal, invalid, type RefusalCase, violates } from '../support/refusal.js';
import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk, type Problem } from '../support/service-client.js';

let service: TestService;
let tenant: TestTenant;
let token: number;

const MIB = 1024 * 1024;
const INGEST = '/v1/ingest/events';
const valid = (key: string) => ({ idempotency_key: key, payload: { id: 1, nested: { a: [1] } } });

beforeAll(async () => {
  service = await TestService.start();
  tenant = await service.createTenant();
  await createTable(tenant.tableAdmin, 'events', [
    { name: 'id', type: 'long', nullable: false },
    { name: 'amount', type: 'decimal(10,2)' },
    { name: 'at', type: 'timestamptz' },
    { name: 'nested', type: 'json' },
    { name: 'lines', type: 'list<struct<sku: string not null, at: time, raw: binary, n: list<long>>>' },
    { name: 'ratio', type: 'double' },
  ]);
  token = expectOk(await tenant.writer.ingest('events', { records: [valid('first')] })).max_visibility_token;
});

afterAll(() => service.dispose());

const json = (text: string, headers: Record<string, string> = {}) =>
  tenant.writer.send('POST', INGEST, {
    bytes: text,
    headers: { 'Content-Type': 'application/json', ...headers },
  });

const lines = (text: string) =>
  tenant.writer.send('POST', INGEST, { bytes: text, headers: { 'Content-Type': 'application/x-ndjson' } });

const compressed = (bytes: Buffer, encoding: string) =>
  tenant.writer.send('POST', INGEST, {
    bytes: new Uint8Array(bytes),
    headers: { 'Content-Type': 'application/x-ndjson', 'Content-Encoding': encoding },
  });

const records = (count: number, at: number, wrong: unknown) => ({
  records: Array.from({ length: count }, (_, i) => (i === at ? wrong : valid(`many-${i}`))),
});

const line = (text: string) =>
  json(`{"records": [{"idempotency_key": "k", "payload": {"id": 1, "lines": [${text}]}}]}`);

const NESTED: readonly [name: string, text: string, path: string, expected: string][] = [
  ['an integer beyond 64 bits in a list', '{"sku":"a","n":[1,9223372036854775808]}', '[0].n[1]', 'long'],
  ['a fraction in a list of integers', 'null,{"sku":"a","n":[1.5]}', '[1].n[0]', 'long'],
  ['a time finer than microseconds', '{"sku":"a","at":"12:00:00.1234567"}', '[0].at', 'time'],
  ['bytes that are not base64', '{"sku":"a","raw":"AB=="}', '[0].raw', 'binary'],
  ['a null inside of a struct that must be a value', '{"sku":null}', '[0].sku', 'string'],
  ['a field that a struct does not have', '{"sku":"a","SKU":"b"}', '[0].SKU', 'none'],
];

const CASES: RefusalCase[] = [
  ...NESTED.map(([name, text, path, expected]) =>
    violates(name, () => line(text), { record: 0, path: `$.records[0].payload.lines${path}`, expected }),
  ),
  invalid('half of a surrogate pair inside of a struct', () => line('{"sku":"\\ud800"}'), {
    path: '$.records[0].payload.lines[0].sku',
  }),
  invalid(
    'a number beyond a double',
    () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1, "ratio": 1e400}}]}'),
    { path: '$.records[0].payload.ratio' },
  ),
  violates(
    'an infinity in other words',
    () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1, "ratio": "inf"}}]}'),
    { path: '$.records[0].payload.ratio', expected: 'double' },
  ),
  invalid('malformed JSON', () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1,}}]}'), {
    path: '$.records[0].payload',
    position: 58,
  }),
  invalid('no body', () => json(''), { path: '$' }),
  invalid('no records', () => json('{"records": []}'), { path: '$.records' }),
  invalid(
    'a broken line 17 of NDJSON',
    () =>
      lines(
        Array.from({ length: 30 }, (_, i) =>
          i === 16 ? '{"payload": {"id": tru}}' : JSON.stringify(valid(`line-${i}`)),
        ).join('\n'),
      ),
    { line: 17, path: '$.payload.id', position: 19 },
  ),
  {
    name: 'an unknown table',
    send: () => tenant.writer.ingest('nowhere', { records: [valid('k')] }),
    status: 404,
    code: 'TABLE_NOT_FOUND',
    context: { table: 'nowhere' },
  },
  violates(
    'a wrong type deep in record 412',
    () =>
      tenant.writer.ingest(
        'events',
        records(500, 412, { idempotency_key: 'k', payload: { id: 1, amount: { not: 'a number' } } }),
      ),
    {
      record: 412,
      path: '$.records[412].payload.amount',
      expected: 'decimal(10,2)',
      found: 'an object',
    },
  ),
  violates(
    'a wrong type in line 413 of NDJSON',
    () =>
      tenant.writer.ingestLines(
        'events',
        records(500, 412, { idempotency_key: 'k', payload: { id: 'one' } }).records,
      ),
    { record: 412, line: 413, path: '$.payload.id', expected: 'long', found: '"one"' },
  ),
  violates(
    'a null where there must be a value',
    () => tenant.writer.ingest('events', { records: [{ idempotency_key: 'k', payload: { id: null } }] }),
    { record: 0, path: '$.records[0].payload.id', found: 'null' },
  ),
  violates(
    'a field without a column',
    () =>
      tenant.writer.ingest('events', {
        records: [{ idempotency_key: 'k', payload: { id: 1, color: 'red' } }],
      }),
    { record: 0, path: '$.records[0].payload.color', expected: 'none' },
  ),
  violates(
    'an integer beyond 64 bits',
    () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 9223372036854775808}}]}'),
    { record: 0, path: '$.records[0].payload.id', found: '9223372036854775808' },
  ),
  invalid(
    'a key twice in one object',
    () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1, "id": 2}}]}'),
    { path: '$.records[0].payload.id' },
  ),
  invalid(
    'half of a surrogate pair',
    () => json('{"records": [{"idempotency_key": "k", "payload": {"id": 1, "nested": "\\ud800"}}]}'),
    { path: '$.records[0].payload.nested' },
  ),
  invalid(
    'a hundred levels',
    () =>
      json(
        `{"records": [{"idempotency_key": "k", "payload": {"id": 1, "nested": ${'['.repeat(100)}${']'.repeat(100)}}}]}`,
      ),
    {},
  ),
  invalid('bytes that are no UTF-8', () => compressed(gzipSync(Buffer.from([0x22, 0xff, 0x22])), 'gzip'), {
    path: '$',
  }),
  {
    name: 'a record without a key',
    send: () => tenant.writer.ingest('events', { records: [valid('k'), { payload: { id: 1 } }] }),
    status: 400,
    code: 'IDEMPOTENCY_KEY_REQUIRED',
    place: { record: 1, path: '$.records[1].idempotency_key' },
  },
  invalid(
    'a key that is no text',
    () => tenant.writer.ingest('events', { records: [{ ...valid(''), idempotency_key: 7 }] }),
    { record: 0, path: '$.records[0].idempotency_key' },
  ),
  {
    name: 'a key of the past with other content',
    send: () =>
      tenant.writer.ingest('events', { records: [valid('new'), { ...valid('first'), payload: { id: 2 } }] }),
    status: 409,
    code: 'IDEMPOTENCY_KEY_REUSED',
  },
  {
    name: 'an upsert',
    send: () => tenant.writer.ingest('events', { records: [{ ...valid('k'), op: 'upsert' }] }),
    status: 400,
    code: 'PRIMARY_KEY_REQUIRED',
    place: { record: 0, path: '$.records[0].op' },
  },
  invalid(
    'another on_invalid',
    () => tenant.writer.ingest('events', { records: [valid('k')], on_invalid: 'drop' }),
    { path: '$.on_invalid' },
  ),
  invalid(
    'a wait of another type',
    () => tenant.writer.ingest('events', { records: [valid('k')], wait_for_visibility: 'yes' }),
    { path: '$.wait_for_visibility' },
  ),
  {
    name: 'a body over the limit',
    send: () =>
      json(
        `{"records": [{"idempotency_key": "k", "payload": {"id": 1, "nested": "${'x'.repeat(10 * MIB)}"}}]}`,
      ),
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    context: { max_bytes: 10 * MIB },
  },
  {
    name: 'a gzip bomb',
    send: () => compressed(gzipSync(Buffer.alloc(65 * MIB, ' ')), 'gzip'),
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    context: { max_bytes: 64 * MIB },
  },
  {
    name: 'a zstd bomb',
    send: () => compressed(zstdCompressSync(Buffer.alloc(65 * MIB, ' ')), 'zstd'),
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
    context: { max_bytes: 64 * MIB },
  },
  invalid(
    'gzip that is cut short',
    () => compressed(gzipSync(JSON.stringify(valid('k'))).subarray(0, -6), 'gzip'),
    { path: '$' },
  ),
  {
    name: 'an unknown content type',
    send: () => json('a,b\n1,2\n', { 'Content-Type': 'text/csv' }),
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
    context: { supported: ['application/json', 'application/x-ndjson'] },
  },
  {
    name: 'an unknown encoding',
    send: () => json('{}', { 'Content-Encoding': 'br' }),
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
];

describe('ingest', () => {
  it.each(CASES.map((each) => [each.name, each] as const))('refuses %s', async (_, each) => {
    expectRefusal(await each.send(), each);
  });

  it('names the first hundred violations and counts the rest', async () => {
    const wrong = Array.from({ length: 250 }, (_, i) => ({ idempotency_key: `w${i}`, payload: { id: 'x' } }));
    const { body } = await tenant.writer.send<Problem>('POST', INGEST, { json: { records: wrong } });
    expect(body.context.violations).toHaveLength(100);
    expect(body.detail).toContain('249 more');
  });

  it('keeps nothing of what it refused', async () => {
    const next = expectOk(await tenant.writer.ingest('events', { records: [valid('last')] }));
    // Tokens of a tenant that is alone follow each other: no refused record took one.
    expect(next.max_visibility_token).toBe(token + 1);
    const more = { min_visibility_token: next.max_visibility_token };
    expect(await tenant.reader.rows('SELECT count(*) FROM events', more)).toEqual([[2]]);
    const keys = ['k', 'many-0', 'line-0', 'new'];
    const { body } = await tenant.writer.post<{ receipts: { state: string }[] }>(`${INGEST}/receipts`, {
      keys,
    });
    expect(body.receipts.map(({ state }) => state)).toEqual(keys.map(() => 'unknown'));
  });
});
