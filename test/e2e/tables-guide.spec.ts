import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Column } from '../../src/kernel/index.js';
import { readParquetFile } from '../support/parquet-file.js';
import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

/** What the guides of tables say, held against a service. */

interface GuideExample {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  /** Any success where the guide shows no answer. */
  readonly status: number | undefined;
  readonly answer: unknown;
}

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await TestService.start();
  tenant = await service.createTenant();
});

afterAll(() => service.dispose());

/** The fenced blocks that are calls: a line with method and path, headers, a body, and what is answered. */
function examplesOf(guide: string): GuideExample[] {
  const text = readFileSync(resolve(import.meta.dirname, '../../docs', guide), 'utf8');
  return [...text.matchAll(/^```\w*\n((?:GET|POST|PATCH|DELETE) \/v1\/[^]*?)^```$/gm)].map(
    ([, block = '']) => {
      const [call = '', answer] = block.split(/^HTTP /m);
      const [first = '', ...rest] = call.split('\n');
      const [method = '', path = ''] = first.split(' ');
      const bodyAt = rest.findIndex((line) => line.startsWith('{'));
      const head = bodyAt < 0 ? rest : rest.slice(0, bodyAt);
      const headers = head.flatMap((line) => {
        const [name, value] = line.split(': ');
        return name !== undefined && value !== undefined ? [[name, value]] : [];
      });
      const [status, ...json] = answer?.split('\n') ?? [];
      const shown = json.join('\n').trim();
      return {
        method,
        path,
        headers: Object.fromEntries(headers) as Record<string, string>,
        body: bodyAt < 0 ? '' : rest.slice(bodyAt).join('\n'),
        status: status === undefined ? undefined : Number(status),
        answer: shown === '' ? undefined : (JSON.parse(shown) as unknown),
      };
    },
  );
}

it('the calls of the guides work, in their order, and answer what is shown', async () => {
  const examples = ['tables.md', 'schema-evolution.md', 'partitions.md'].flatMap(examplesOf);
  expect(examples.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['/v1/tables', '/v1/ingest/orders', '/v1/query', '/v1/tables/orders']),
  );
  for (const { method, path, headers, body, status, answer } of examples) {
    const sent = await tenant.admin.send(method, path, {
      ...(body !== '' && { bytes: body }),
      headers: { 'Content-Type': 'application/json', ...headers },
    });
    const found = { call: `${method} ${path}`, status: sent.status, body: sent.body };
    expect(found).toMatchObject({
      call: `${method} ${path}`,
      status: status ?? (expect.any(Number) as number),
      ...(answer !== undefined && { body: answer }),
    });
    if (status === undefined) expectOk(sent);
  }
});

it('a default of float or double is any number of its type, from the definition to the file and the query', async () => {
  const doubles = [-1e300, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53 + 2, 0.1];
  const floats = [-(2 ** 100), 3.4028235e38, 1e-45, 16_777_216];
  const columnsOf = (type: string, values: readonly number[]) =>
    values.map((filling, index) => ({ name: `${type}${index}`, type, default: filling }));
  const columns = [
    { name: 'id', type: 'int' },
    ...columnsOf('double', doubles),
    ...columnsOf('float', floats),
    { name: 'whole', type: 'list<double>', default: [-1e300] },
    { name: 'part', type: 'struct<x: double default -1e300, y: float default 3.4028235e+38>' },
  ];
  await createTable(tenant.tableAdmin, 'fillings', columns);
  const changes = [{ op: 'add_column', column: { name: 'later', type: 'double', default: 1e300 } }];
  const { body } = await tenant.tableAdmin.patch<{ schema: { columns: Column[] } }>('/v1/tables/fillings', {
    changes: [...changes, { op: 'set_default', name: 'id', default: 1 }],
  });
  expect(body.schema.columns.slice(1).map((column) => column.default)).toEqual([
    ...columns.slice(1).map((column) => ('default' in column ? column.default : undefined)),
    1e300,
  ]);
  const records = [{ idempotency_key: 'filling', payload: { part: {} } }];
  expectOk(await tenant.writer.ingest('fillings', { records, wait_for_visibility: true }));
  const expected = [1, ...doubles, ...floats.map(Math.fround), [-1e300]];
  const part = { x: -1e300, y: Math.fround(3.4028235e38) };
  const names = body.schema.columns.map(({ name }) => name).join(', ');
  expect(await tenant.reader.rows(`SELECT ${names} FROM fillings`)).toEqual([[...expected, part, 1e300]]);

  const receipt = expectOk(
    await tenant.writer.get<{ file: string }>('/v1/ingest/fillings/receipts?key=filling'),
  );
  const scalars = body.schema.columns.filter(({ fields }) => fields === undefined);
  const file = join(service.dataDir, 'objects', receipt.file);
  const [row] = (await readParquetFile(file, scalars)).rows;
  expect(scalars.map(({ name }) => row?.[name])).toEqual([1, ...doubles, ...floats.map(Math.fround), 1e300]);
});

it('a default of json is any finite number, and is read as it was written', async () => {
  const filling = { deep: [-1e300, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 65, 0.1] };
  const columns = [
    { name: 'id', type: 'int' },
    { name: 'j', type: 'json', default: filling },
    { name: 'part', type: 'struct<x: json default 1e300>' },
  ];
  await createTable(tenant.tableAdmin, 'texts', columns);
  const records = [
    { idempotency_key: 'absent', payload: { id: 1, part: {} } },
    { idempotency_key: 'sent', payload: { id: 2, j: filling, part: { x: 1e300 } } },
  ];
  expectOk(await tenant.writer.ingest('texts', { records, wait_for_visibility: true }));
  const text = JSON.stringify(filling);
  expect(await tenant.reader.rows('SELECT id, j, part.x FROM texts ORDER BY id')).toEqual([
    [1, text, '1e+300'],
    [2, text, '1e+300'],
  ]);
});

describe('values at the edge of their type', () => {
  const DEPTH = 16;
  const nest = (open: string, inner: string, close: string, depth: number) =>
    open.repeat(depth) + inner + close.repeat(depth);

  beforeAll(() =>
    createTable(tenant.tableAdmin, 'edges', [
      { name: 'n', type: 'int' },
      { name: 'l', type: 'long' },
      { name: 'd', type: 'double' },
      { name: 'x', type: 'decimal(38,10)' },
      { name: 's', type: 'string' },
      { name: 'j', type: 'json' },
      { name: 'deep', type: nest('list<', 'int', '>', DEPTH) },
    ]),
  );

  let sent = 0;
  const ingest = (payload: string) =>
    tenant.writer.send<{ error_code: string; context: object }>('POST', '/v1/ingest/edges', {
      bytes: `{"records":[{"idempotency_key":"e${(sent += 1)}","payload":{"n":${sent},${payload}}}],"wait_for_visibility":true}`,
      headers: { 'Content-Type': 'application/json' },
    });

  it.each<[string, string, string, unknown]>([
    ['the largest long', 'l', '9223372036854775807', '9223372036854775807'],
    ['the least long, as text', 'l', '"-9223372036854775808"', '-9223372036854775808'],
    ['a long beyond 2^53', 'l', '9007199254740993', '9007199254740993'],
    ['NaN', 'd', '"NaN"', 'NaN'],
    ['infinity', 'd', '"Infinity"', 'Infinity'],
    ['minus infinity', 'd', '"-Infinity"', '-Infinity'],
    ['minus zero', 'd', '-0.0', 0],
    ['the least double', 'd', '5e-324', 5e-324],
    [
      'a decimal of 38 digits',
      'x',
      '1234567890123456789012345678.0123456789',
      '1234567890123456789012345678.0123456789',
    ],
    [
      'integers of any size in json',
      'j',
      '{"n":[9007199254740993,1e0,18446744073709551617]}',
      '{"n":[9007199254740993,1,18446744073709551617]}',
    ],
    ['the empty text', 's', '""', ''],
    ['null', 's', 'null', null],
    ['a pair of surrogates and NUL', 's', '"\\ud83d\\ude00\\u0000"', '😀\0'],
    ['the deepest list', 'deep', nest('[', '7', ']', DEPTH), JSON.parse(nest('[', '7', ']', DEPTH))],
  ])('keep %s', async (_, column, source, expected) => {
    expect((await ingest(`"${column}":${source}`)).status).toBe(200);
    expect(await tenant.reader.rows(`SELECT ${column} FROM edges WHERE n = ${sent}`)).toEqual([[expected]]);
    const isNull = await tenant.reader.rows(`SELECT ${column} IS NULL FROM edges WHERE n = ${sent}`);
    expect(isNull).toEqual([[expected === null]]);
  });

  it.each<[string, string, string]>([
    ['a long too large', '"l":9223372036854775808', 'SCHEMA_VIOLATION'],
    ['a double too large', '"d":1e400', 'REQUEST_INVALID'],
    ['infinity in other words', '"d":"inf"', 'SCHEMA_VIOLATION'],
    ['an integer that a double rounds', '"d":9007199254740993', 'SCHEMA_VIOLATION'],
    ['a decimal that would be rounded', '"x":0.00000000001', 'SCHEMA_VIOLATION'],
    ['half of a surrogate pair', '"s":"\\ud83d"', 'REQUEST_INVALID'],
    ['a list too deep', `"deep":${nest('[', '7', ']', DEPTH + 1)}`, 'SCHEMA_VIOLATION'],
  ])('refuse %s', async (_, payload, code) => {
    const { status, body } = await ingest(payload);
    expect({ status, code: body.error_code }).toEqual({ status: 400, code });
  });

  it('refuse a type that is too deep, and too many columns, and say what would be allowed', async () => {
    const create = (columns: object[]) =>
      tenant.tableAdmin.post<{ detail: string }>('/v1/tables', { table_name: 'wrong', schema: { columns } });
    const deep = await create([{ name: 'a', type: nest('list<', 'int', '>', DEPTH + 1) }]);
    expect(deep.status).toBe(400);
    expect(deep.body.detail).toContain('16 lists and structs');
    const wide = await create(Array.from({ length: 5_000 }, (_, i) => ({ name: `c${i}`, type: 'int' })));
    expect(wide.status).toBe(400);
    expect(wide.body.detail).toContain('1 to 500 columns');
  });
});
