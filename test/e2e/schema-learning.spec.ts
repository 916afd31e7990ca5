import { TestService, type TestTenant } from '../support/service.js';
import { expectOk, type Answer, type IngestAnswer, type Problem } from '../support/service-client.js';

interface ShownColumn {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
}
interface TableAnswer {
  readonly schema_version: number;
  readonly evolution_mode: string;
  readonly schema: { readonly columns: readonly ShownColumn[] };
}

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  // Events wait for whoever asks for their token, so that a test decides what is under way.
  service = await TestService.start({ env: { TIDEMARK_COMMIT_MAX_DELAY_MS: '600000' } });
});

afterAll(() => service.dispose());

beforeEach(async () => {
  tenant = await service.createTenant();
});

let sent = 0;
const recordsOf = (payloads: readonly object[]) =>
  payloads.map((payload) => ({ idempotency_key: `k-${(sent += 1)}`, payload }));

const create = async (table_name: string, more: object = {}) =>
  expectOk(await tenant.tableAdmin.post<TableAnswer>('/v1/tables', { table_name, ...more }));
const send = (table: string, payloads: readonly object[], more: object = {}) =>
  tenant.writer.ingest(table, { records: recordsOf(payloads), ...more });
const accept = async (table: string, ...payloads: object[]) => expectOk(await send(table, payloads));
const publish = async (table: string, ...payloads: object[]) => {
  const answer = expectOk(await send(table, payloads, { wait_for_visibility: true }));
  expect(answer.status).toBe('visible');
  return answer.visible_snapshot_id ?? 0;
};
const shown = async (table: string) =>
  expectOk(await tenant.tableAdmin.get<TableAnswer>(`/v1/tables/${table}`));
const types = async (table: string) =>
  Object.fromEntries((await shown(table)).schema.columns.map(({ name, type }) => [name, type]));
const problem = (answer: Answer<IngestAnswer>) => answer.body as unknown as Problem;
const EVOLVE = { evolution_mode: 'evolve' };

describe('the first events of a table without a schema', () => {
  it('make version 1 of it, and are in it', async () => {
    const created = await create('t');
    expect(created).toMatchObject({ schema_version: 0, schema: { columns: [] }, evolution_mode: 'strict' });
    expect(await tenant.reader.rows('SELECT count(*) FROM t')).toEqual([[0]]);
    await publish(
      't',
      { id: 1, at: '2026-03-01T09:30:00Z', day: '2026-03-01', tags: ['a'], to: { city: 'Ulm', zip: 89073 } },
      { id: 2, ratio: 0.5, ok: true, nothing: null, key: '550e8400-e29b-41d4-a716-446655440000' },
    );
    expect((await shown('t')).schema_version).toBe(1);
    expect(await types('t')).toEqual({
      id: 'long',
      at: 'timestamptz',
      day: 'date',
      tags: 'list<string>',
      to: 'struct<city: string, zip: long>',
      ratio: 'double',
      ok: 'boolean',
      nothing: 'json',
      key: 'uuid',
    });
    expect(await tenant.reader.rows('SELECT id, "at", tags, "to", ratio FROM t ORDER BY id')).toEqual([
      [1, '2026-03-01T09:30:00.000000Z', ['a'], { city: 'Ulm', zip: 89073 }, null],
      [2, null, null, null, 0.5],
    ]);
  });

  it('fix it where the table is strict', async () => {
    await create('t');
    await accept('t', { id: 1 });
    expect(await send('t', [{ id: 2, more: 1 }])).toMatchObject({
      status: 400,
      body: { error_code: 'SCHEMA_VIOLATION' },
    });
    expect((await shown('t')).schema_version).toBe(1);
  });

  it('make one that takes them all when many come at once', async () => {
    await create('t', EVOLVE);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => send('t', [{ id: index, [`f${index}`]: index / 2 }])),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(Object.keys(await types('t')).sort()).toEqual(
      ['id', ...answers.map((_, index) => `f${index}`)].sort(),
    );
    // How many are learnt from together is a matter of when they come. Each version has a field of one more at least.
    expect((await shown('t')).schema_version).toBeLessThanOrEqual(answers.length);
    await publish('t', { id: 100 });
    expect(await tenant.reader.rows('SELECT count(*), count(f3), sum(f3) FROM t')).toEqual([[13, 1, 1.5]]);
  });

  it('may have nothing to learn from', async () => {
    await create('t', EVOLVE);
    const early = await publish('t', {}, { a: null });
    expect(await shown('t')).toMatchObject({ schema_version: 0, schema: { columns: [] } });
    await publish('t', { a: 1 });
    expect(await tenant.reader.rows('SELECT a FROM t ORDER BY _visibility_token')).toEqual([
      [null],
      [null],
      [1],
    ]);
    expect(await tenant.reader.rows('SELECT count(*) FROM t', { snapshot_id: early })).toEqual([[2]]);
  });

  it('leave a refused request without a trace', async () => {
    await create('t', EVOLVE);
    const refused = await send('t', [{ id: 1, Id: 2 }]);
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'SCHEMA_VIOLATION' } });
    expect(problem(refused).context.violations).toEqual([
      expect.objectContaining({
        column: 'Id',
        rule: 'names_differ_by_case',
        path: '$.records[0].payload.Id',
      }),
    ]);
    const malformed = await tenant.writer.ingest('t', {
      records: [...recordsOf([{ id: 1 }]), { idempotency_key: 'x', payload: 5 }],
    });
    expect(malformed).toMatchObject({ status: 400, body: { error_code: 'REQUEST_INVALID' } });
    expect(await shown('t')).toMatchObject({ schema_version: 0, schema: { columns: [] } });
  });
});

describe('a table that evolves', () => {
  it('reads rows from before under every type that a column had', async () => {
    await create('t', { ...EVOLVE, schema: { columns: [{ name: 'n', type: 'int' }] } });
    const ints = await publish('t', {
      n: 1,
      v: 7,
      w: '2026-03-01',
      s: { a: 1 },
      l: [1],
      at: '2026-03-01T01:02:03.5+01:00',
    });
    await accept('t', { n: 2, v: 8 });
    const doubles = await publish('t', {
      n: 3,
      v: 2.5,
      w: 'soon',
      s: { a: 3_000_000_000, b: 'x' },
      l: [1.5],
      at: 'later',
    });
    expect(await types('t')).toEqual({
      n: 'int',
      v: 'double',
      w: 'string',
      s: 'struct<a: long, b: string>',
      l: 'list<double>',
      at: 'string',
    });
    const rows = 'SELECT n, v, w, s, l, "at" FROM t ORDER BY n';
    const evolved = [
      [1, 7, '2026-03-01', { a: 1, b: null }, [1], '2026-03-01T00:02:03.500000Z'],
      [2, 8, null, null, null, null],
      [3, 2.5, 'soon', { a: 3_000_000_000, b: 'x' }, [1.5], 'later'],
    ];
    expect(await tenant.reader.rows(rows)).toEqual(evolved);
    await accept('t', { n: 4, v: 9.5 });
    await publish('t', { n: 5, v: 'x', w: 1, s: 5, l: ['a'] });
    expect(await types('t')).toEqual({
      n: 'int',
      v: 'json',
      w: 'json',
      s: 'json',
      l: 'list<json>',
      at: 'string',
    });
    expect(await tenant.reader.rows('SELECT n, v, w, s, l FROM t ORDER BY n')).toEqual([
      [1, '7', '"2026-03-01"', '{"a":1,"b":null}', ['1']],
      [2, '8', null, null, null],
      [3, '2.5', '"soon"', '{"a":3000000000,"b":"x"}', ['1.5']],
      [4, '9.5', null, null, null],
      [5, '"x"', '1', '5', ['"a"']],
    ]);
    expect(await tenant.reader.rows('SELECT v, s, "at" FROM t', { snapshot_id: ints })).toEqual([
      [7, { a: 1 }, '2026-03-01T00:02:03.500000Z'],
    ]);
    expect(await tenant.reader.rows(rows, { snapshot_id: doubles })).toEqual(evolved);
  });

  it('keeps numbers as queries showed them when they become json', async () => {
    const columns = ['d double', 'f float', 'l long', 'm decimal(9,2)'].map((column) => {
      const [name, type] = column.split(' ');
      return { name, type };
    });
    await create('t', { ...EVOLVE, schema: { columns } });
    const numbers = [7, -0.5, 0, 1e15, 9007199254740991, 9007199254740992, -1e20, 5e-324, 0.000001];
    const inFloats = [7, -0.5, 0, 1e15, 9007199254740992, 16777216, -1e20, 0.3, 0.000001].map(Math.fround);
    await publish('t', ...numbers.map((d, at) => ({ d, f: inFloats[at] })));
    await publish('t', { l: '9007199254740993', m: 1.5 }, { d: 'NaN', f: '-Infinity' });
    await publish('t', { d: [], f: [], l: [], m: [] });
    const rows = await tenant.reader.rows('SELECT d, f, l, m FROM t ORDER BY _visibility_token');
    expect(rows).toEqual([
      ...numbers.map((d, at) => [JSON.stringify(d), JSON.stringify(inFloats[at]), null, null]),
      [null, null, '9007199254740993', '"1.50"'],
      ['"NaN"', '"-Infinity"', null, null],
      ['[]', '[]', '[]', '[]'],
    ]);
  });

  it('waits with a field that is null, and refuses null where it is not allowed', async () => {
    await create('t', { ...EVOLVE, schema: { columns: [{ name: 'id', type: 'int', nullable: false }] } });
    await publish('t', { id: 1, later: null, deep: { x: null } });
    expect(await types('t')).toEqual({ id: 'int', deep: 'json' });
    await publish('t', { id: 2, later: 5 });
    expect(await types('t')).toEqual({ id: 'int', deep: 'json', later: 'int' });
    expect(await tenant.reader.rows('SELECT id, later, deep FROM t ORDER BY id')).toEqual([
      [1, null, '{"x":null}'],
      [2, 5, null],
    ]);
    const refused = await send('t', [{ id: null, more: 1 }]);
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'SCHEMA_VIOLATION' } });
    expect(problem(refused).context.violations?.[0]).toMatchObject({ path: '$.records[0].payload.id' });
  });

  it.each([
    ['null', { id: null, extra: 1 }],
    ['missing', { extra: 1 }],
  ])('learns nothing of a request that is refused for a required column that is %s', async (_, payload) => {
    await create('t', { ...EVOLVE, schema: { columns: [{ name: 'id', type: 'int', nullable: false }] } });
    const answer = await send('t', [{ id: 1, other: 2 }, payload]);
    expect(problem(answer)).toMatchObject({ status: 400, error_code: 'SCHEMA_VIOLATION' });
    expect(await shown('t')).toMatchObject({ schema_version: 1, schema: { columns: [{ name: 'id' }] } });
    await accept('t', { id: 1, other: 2 });
    expect(await types('t')).toEqual({ id: 'int', other: 'int' });
  });

  it('does nothing that its compatibility mode forbids, and names the rule', async () => {
    await create('t', {
      ...EVOLVE,
      compatibility_mode: 'forward',
      schema: { columns: [{ name: 'id', type: 'int' }] },
    });
    await accept('t', { id: 1, fresh: 'x' });
    const refused = await send('t', [{ id: 2.5, other: 1 }]);
    expect(refused).toMatchObject({ status: 409, body: { error_code: 'SCHEMA_INCOMPATIBLE' } });
    expect(problem(refused).context).toMatchObject({
      compatibility_mode: 'forward',
      violations: [{ column: 'id', rule: 'type_widened' }],
    });
    expect(await types('t')).toEqual({ id: 'int', fresh: 'string' });
    const quarantined = await send('t', [{ id: 2.5 }, { id: 3 }], { on_invalid: 'quarantine' });
    expect(quarantined).toMatchObject({ status: 202, body: { quarantined_count: 1 } });
  });

  it.each([
    ['a reserved name', { _x: 1 }, '_x', 'name_not_allowed', 'not beginning with "_"'],
    ['a long name', { ['n'.repeat(300)]: 1 }, 'n'.repeat(128), 'name_not_allowed', '1 to 128'],
    ['a control character', { 'a\u0007': 1 }, 'a\u0007', 'name_not_allowed', 'without control'],
    ['a name that is not in normal form', { 'e\u0301': 1 }, 'e\u0301', 'name_not_allowed', 'normal form C'],
    ['a name that differs by case', { ID: 1 }, 'ID', 'names_differ_by_case', 'differs from "id"'],
    [
      'a nested name that differs by case',
      { s: { a: 1, A: 2 } },
      's',
      'names_differ_by_case',
      'differs from "a"',
    ],
    [
      'too many columns',
      Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`c${i}`, i])),
      'c498',
      'column_limit',
      '1 to 500 columns',
    ],
    [
      'too many in one struct',
      { s: Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`c${i}`, i])) },
      's',
      'column_limit',
      '1 to 500 columns',
    ],
    [
      'too many levels',
      { deep: JSON.parse('{"a":'.repeat(17) + '1' + '}'.repeat(17)) as object },
      'deep',
      'nesting_limit',
      '16 deep',
    ],
    ['a reserved name in a struct', { s: { ['__duckdb_field_id']: 1 } }, 's', 'name_not_allowed', 'reserved'],
  ])('refuses %s', async (_, payload, column, rule, allowed) => {
    await create('t', { ...EVOLVE, schema: { columns: [{ name: 'id', type: 'int' }] } });
    const refused = await send('t', [{ id: 1, good: 1 }, payload]);
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'SCHEMA_VIOLATION' } });
    expect(problem(refused).context.violations?.[0]).toMatchObject({
      column,
      rule,
      record: 1,
      allowed: [expect.stringContaining(allowed)],
    });
    expect((await shown('t')).schema_version).toBe(1);
  });

  it('takes names that need quotes', async () => {
    await create('t', EVOLVE);
    await publish('t', { id: 1, ['sel\'ect"😀']: 'kept' }, { id: 2, select: { 'a b': 1, _c: [{}] } });
    expect(await tenant.reader.rows(`SELECT "sel'ect""😀", "select" FROM t ORDER BY id`)).toEqual([
      ['kept', null],
      [null, { 'a b': 1, _c: ['{}'] }],
    ]);
  });

  it('makes one version of what a request needs, whatever it comes to by way of', async () => {
    const columns = [
      { name: 'at', type: 'timestamptz' },
      { name: 's', type: 'struct<at: timestamptz, kept: int>' },
    ];
    await create('t', { ...EVOLVE, schema: { columns } });
    const early = { at: '2026-03-01T01:02:03Z' };
    await publish('t', { ...early, s: { ...early, kept: 1 } });
    // The text makes it a string, and only then the number, which was a time, does not fit.
    const number = { at: 1_700_000_000_123 };
    await publish('t', { at: 'soon' }, number, { s: { at: 'soon' } }, { s: number });
    expect(await shown('t')).toMatchObject({ schema_version: 2 });
    expect(await types('t')).toEqual({ at: 'json', s: 'struct<at: json, kept: int>' });
    expect(await tenant.reader.rows('SELECT "at", s FROM t ORDER BY _visibility_token')).toEqual([
      ['"2026-03-01T01:02:03.000000Z"', { at: '"2026-03-01T01:02:03.000000Z"', kept: 1 }],
      ['"soon"', null],
      ['1700000000123', null],
      [null, { at: '"soon"', kept: null }],
      [null, { at: '1700000000123', kept: null }],
    ]);
  });

  it('is switched on and off by PATCH', async () => {
    await create('t', { schema: { columns: [{ name: 'id', type: 'int' }] } });
    const patched = await tenant.tableAdmin.patch<TableAnswer>('/v1/tables/t', EVOLVE);
    expect(patched).toMatchObject({ status: 200, body: { evolution_mode: 'evolve', schema_version: 2 } });
    await accept('t', { id: 1, more: 1 });
    expectOk(await tenant.tableAdmin.patch('/v1/tables/t', { evolution_mode: 'strict' }));
    expect(await send('t', [{ id: 2, most: 1 }])).toMatchObject({ status: 400 });
    expect(await types('t')).toEqual({ id: 'int', more: 'int' });
  });
});
