import { gzipSync, zstdCompressSync } from 'node:zlib';
import { startIngestApp, violationPaths, type Answer, type IngestApp } from '../support/ingest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let app: IngestApp;
let key: string;
let writer: string;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startIngestApp(database.url);
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

beforeEach(async () => {
  ({ table_admin: key, ingest_writer: writer } = await app.tenant('table_admin', 'ingest_writer'));
});

const infer = (payloads: readonly unknown[], query = '') =>
  app.call('POST', `/v1/tables/infer${query}`, {
    key,
    body: { records: payloads.map((payload) => ({ payload })) },
  });
const create = (body: object) => app.call('POST', '/v1/tables', { key, body: { table_name: 't', ...body } });
const columnsOf = ({ body }: Answer) => (body.schema as { columns: object[] }).columns;

const SAMPLE = [
  { id: 1, amount: 2, tags: ['a'], lines: [{ sku: 'x' }], gone: null },
  { id: 2, amount: 2.5, tags: null, lines: [{ sku: 7 }], at: '2026-03-01T09:30:00Z' },
];
const SCHEMA = [
  { name: 'id', type: 'int', nullable: true },
  { name: 'amount', type: 'double', nullable: true },
  { name: 'tags', type: 'list<string>', nullable: true },
  { name: 'lines', type: 'list<struct<sku: json>>', nullable: true },
  { name: 'at', type: 'timestamptz', nullable: true },
];

describe('a dry run', () => {
  it('shows what would be made of a sample, column by column', async () => {
    const answer = await infer(SAMPLE, '?evolution_mode=evolve');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      record_count: 2,
      table_name: null,
      schema_version: null,
      evolution_mode: 'evolve',
      schema: { columns: SCHEMA },
      columns: [
        expect.objectContaining({
          name: 'id',
          type: 'int',
          change: 'added',
          present_count: 2,
          null_count: 0,
        }),
        {
          name: 'amount',
          type: 'double',
          nullable: true,
          change: 'added',
          present_count: 2,
          null_count: 0,
          seen: [
            { type: 'int', count: 1, record: 0, example: '2' },
            { type: 'double', count: 1, record: 1, example: '2.5' },
          ],
          conflicts: [],
        },
        expect.objectContaining({ name: 'tags', present_count: 2, null_count: 1 }),
        expect.objectContaining({
          name: 'lines',
          conflicts: [
            {
              path: '$.payload.lines[*].sku',
              seen: [
                { type: 'string', count: 1, record: 0, example: '"x"' },
                { type: 'int', count: 1, record: 1, example: '7' },
              ],
            },
          ],
        }),
        expect.objectContaining({ name: 'at', present_count: 1 }),
        expect.objectContaining({ name: 'gone', type: null, change: 'deferred', null_count: 1, seen: [] }),
      ],
      refusals: [],
      violations: [],
    });
    expect((await app.call('GET', '/v1/tables', { key })).body).toMatchObject({ tables: [] });
  });

  it('answers what creating a table takes and ingest then makes', async () => {
    const { body } = await infer(SAMPLE);
    expect(await create({ schema: body.schema })).toMatchObject({ status: 201 });
    const records = SAMPLE.map((payload, index) => ({ idempotency_key: `k${index}`, payload }));
    const sent = await app.call('POST', '/v1/ingest/t', { key: writer, body: { records } });
    expect(sent).toMatchObject({ status: 202, body: { accepted_count: 2 } });
    await app.call('POST', '/v1/tables', { key, body: { table_name: 'learns' } });
    await app.call('POST', '/v1/ingest/learns', { key: writer, body: { records } });
    const [made, learnt] = await Promise.all(
      ['t', 'learns'].map(async (name) => app.call('GET', `/v1/tables/${name}`, { key })),
    );
    expect(made?.body.schema).toEqual(learnt?.body.schema);
    expect(learnt?.body.schema_version).toBe(1);
  });

  it.each<[string, Record<string, string>, (text: string) => string | Buffer]>([
    ['NDJSON', {}, (text) => text],
    ['gzip', { 'content-encoding': 'gzip' }, gzipSync],
    ['zstd', { 'content-encoding': 'zstd' }, zstdCompressSync],
  ])('reads %s', async (_, headers, encode) => {
    const body = encode(SAMPLE.map((payload) => JSON.stringify({ payload })).join('\n'));
    const answer = await app.call('POST', '/v1/tables/infer?evolution_mode=evolve', {
      key,
      body,
      headers: { 'content-type': 'application/x-ndjson', ...headers },
    });
    expect(columnsOf(answer)).toEqual(SCHEMA);
  });

  it('shows what a sample would change in a table, and changes nothing', async () => {
    await create({ evolution_mode: 'evolve', schema: { columns: [{ name: 'id', type: 'int' }] } });
    const answer = await infer([{ id: 0.5, fresh: 'x' }], '?table=t');
    expect(answer.body).toMatchObject({
      table_name: 't',
      schema_version: 1,
      evolution_mode: 'evolve',
      columns: [
        { name: 'id', type: 'double', change: 'widened', former_type: 'int' },
        { name: 'fresh', type: 'string', change: 'added' },
      ],
      refusals: [],
      violations: [],
    });
    expect((await app.call('GET', '/v1/tables/t', { key })).body).toMatchObject({
      schema_version: 1,
      schema: { columns: [{ name: 'id', type: 'int' }] },
    });
  });

  it('says why a change would be refused, and what ingest would say', async () => {
    await create({ schema: { columns: [{ name: 'id', type: 'int', nullable: false }] } });
    expect((await infer([{ id: 1, more: 1 }], '?table=t')).body).toMatchObject({
      refusals: [{ column: 'more', rule: 'strict' }],
      violations: [{ record: 0, path: '$.records[0].payload.more' }],
    });
    expect(
      (await infer([{ id: null }, { id: 1, ID: 2 }], '?table=t&evolution_mode=evolve')).body,
    ).toMatchObject({
      refusals: [
        {
          column: 'ID',
          rule: 'names_differ_by_case',
          allowed: ['a name that differs from "id" in more than case'],
        },
      ],
      violations: [{ record: 0 }, { record: 1 }],
    });
    await app.call('PATCH', '/v1/tables/t', {
      key,
      body: { evolution_mode: 'evolve', compatibility_mode: 'forward' },
    });
    expect((await infer([{ id: 1, fresh: 1, other: 'x' }], '?table=t')).body).toMatchObject({
      refusals: [],
      violations: [],
    });
    expect((await infer([{ id: 1.5 }], '?table=t')).body).toMatchObject({
      refusals: [{ column: 'id', rule: 'type_widened' }],
      violations: [{ record: 0, path: '$.records[0].payload.id' }],
    });
  });

  it('tells of a column that the partitions or the order of the table need as it is', async () => {
    await create({
      evolution_mode: 'evolve',
      schema: { columns: ['id', 'at'].map((name) => ({ name, type: 'int' })) },
      partition_spec: [{ column: 'id', transform: 'identity' }],
      sort_order: [{ column: 'at' }],
    });
    const payload = { id: { a: 1 }, at: { a: 1 } };
    const sent = await app.call('POST', '/v1/ingest/t', {
      key: writer,
      body: { records: [{ idempotency_key: 'k', payload }] },
    });
    expect(sent).toMatchObject({ status: 409, body: { error_code: 'SCHEMA_INCOMPATIBLE' } });
    expect((await infer([payload], '?table=t')).body).toMatchObject({
      refusals: [
        { column: 'id', rule: 'partition_source' },
        { column: 'at', rule: 'sort_source' },
      ],
      violations: [{ record: 0 }, { record: 0 }],
    });
  });

  it('counts the columns that the table would have, parts included, as ingest does', async () => {
    await create({
      evolution_mode: 'evolve',
      schema: { columns: [{ name: 'lines', type: 'list<struct<sku: string, count: int>>' }] },
    });
    const numbered = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, 1]));
    const message = (total: number) =>
      expect.stringContaining(
        `must have 1 to 500 columns, fields of structs and elements of lists counted; it would have ${total}`,
      ) as string;
    for (const [payload, total] of [
      [{ ...numbered(490), more: numbered(20) }, 4 + 490 + 21],
      [{ ...numbered(490), more: numbered(5), lines: [{ sku: 7, more: 1 }] }, 5 + 490 + 6],
    ] as const) {
      const violations = [{ rule: 'column_limit', column: 'more', message: message(total) }];
      const records = [{ idempotency_key: 'k', payload }];
      const sent = await app.call('POST', '/v1/ingest/t', { key: writer, body: { records } });
      expect(sent).toMatchObject({
        status: 400,
        body: { error_code: 'SCHEMA_VIOLATION', context: { violations } },
      });
      expect((await infer([payload], '?table=t')).body).toMatchObject({ refusals: violations });
    }
  });

  it.each([
    ['flat', (fields: object) => fields],
    ['nested', (fields: object) => ({ lines: [{ deep: fields }] })],
  ])('refuses %s fields beyond all measure, as ingest does', async (_, wrap) => {
    const payload = wrap(Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`f${index}`, 1])));
    await create({ evolution_mode: 'evolve', schema: { columns: [{ name: 'id', type: 'int' }] } });
    const record = { idempotency_key: 'k', payload };
    const sent = await app.call('POST', '/v1/ingest/t', { key: writer, body: { records: [record] } });
    for (const refused of [sent, await infer([payload], '?table=t'), await infer([payload])]) {
      expect(refused).toMatchObject({
        status: 400,
        body: { error_code: 'SCHEMA_VIOLATION', context: { violations: [{ rule: 'column_limit' }] } },
      });
    }
    const body = { records: [record], on_invalid: 'quarantine' };
    const kept = await app.call('POST', '/v1/ingest/t', { key: writer, body });
    expect(kept).toMatchObject({ status: 202, body: { quarantined_count: 1 } });
  });

  it('refuses what is no sample', async () => {
    const bad = await infer([{ a: 1 }, 5]);
    expect(bad).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    expect(violationPaths(bad)).toEqual(['$.records[1].payload']);
    expect(await infer([])).toMatchObject({ status: 400 });
    expect(await infer([{}], '?table=nothing')).toMatchObject({ status: 404 });
    expect(await infer([{}], '?table=No')).toMatchObject({ status: 400 });
    expect(await infer([{}], '?evolution_mode=maybe')).toMatchObject({ status: 400 });
    const twice = await app.call('POST', '/v1/tables/infer', {
      key,
      body: '{"records":[{"payload":{"a":1,"a":2}}]}',
    });
    expect(twice).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    const other = await app.call('POST', '/v1/tables/infer', { key: writer, body: { records: [] } });
    expect(other).toMatchObject({ status: 403 });
  });
});
