import { jest } from '@jest/globals';
import { TableGrowth } from '../../src/modules/tables/index.js';
import { startIngestApp, type Answer, type IngestApp } from '../support/ingest-app.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

interface ShownTable {
  readonly schema_version: number;
  readonly schema: { readonly columns: readonly { readonly name: string; readonly type: string }[] };
}

let database: TestDatabase;
/** Two processes as far as schemas go: nothing is shared but the database. */
let apps: readonly IngestApp[];
let admin: string;
let writer: string;

beforeAll(async () => {
  database = await createTestDatabase();
  apps = await Promise.all([startIngestApp(database.url), startIngestApp(database.url)]);
});

afterAll(async () => {
  await Promise.all(apps.map((app) => app.close()));
  await database.drop();
});

beforeEach(async () => {
  const [app] = apps as [IngestApp];
  ({ table_admin: admin, ingest_writer: writer } = await app.tenant('table_admin', 'ingest_writer'));
});

const appOf = (index: number): IngestApp => apps[index % apps.length] as IngestApp;
const create = (body: object) =>
  appOf(0).call('POST', '/v1/tables', { key: admin, body: { table_name: 't', ...body } });
const shown = async (): Promise<ShownTable> =>
  (await appOf(0).call('GET', '/v1/tables/t', { key: admin })).body as unknown as ShownTable;
const namesOf = ({ schema }: ShownTable) => schema.columns.map(({ name }) => name).sort();

let sent = 0;
const send = (index: number, ...payloads: object[]): Promise<Answer> => {
  const records = payloads.map((payload) => ({ idempotency_key: `k${(sent += 1)}`, payload }));
  return appOf(index).call('POST', '/v1/ingest/t', { key: writer, body: { records } });
};
const many = <T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));
const statuses = (answers: readonly Answer[]) => [...new Set(answers.map(({ status }) => status))];

/** Events of the youngest table that the bus holds. */
async function acceptedEvents(): Promise<number> {
  const [row] = await appOf(0).database.query<{ events: number }[]>(
    `SELECT coalesce(sum(record_count), 0)::int AS events FROM ingest_batch
     WHERE table_id = (SELECT max(table_id) FROM table_def)`,
  );
  return row?.events ?? 0;
}

describe('processes that learn at once', () => {
  it('make one schema of first events that arrive in both', async () => {
    await create({ evolution_mode: 'evolve' });
    const answers = await many(2, (index) => send(index, { id: index, [`only${index}`]: 'x' }));
    expect(statuses(answers)).toEqual([202]);
    const table = await shown();
    expect(namesOf(table)).toEqual(['id', 'only0', 'only1']);
    expect(table.schema_version).toBeLessThanOrEqual(2);
    expect(await acceptedEvents()).toBe(2);
  });

  it('answer every first event of a strict table that no process knows: kept, or refused by the schema', async () => {
    await create({});
    const answers = await many(8, (index) => send(index, index % 2 === 0 ? { a: 1 } : { b: 1 }));
    const kept = answers.filter(({ status }) => status === 202).length;
    for (const { status, body } of answers) {
      if (status !== 202) expect([status, body.error_code]).toEqual([400, 'SCHEMA_VIOLATION']);
    }
    expect(kept).toBeGreaterThanOrEqual(4);
    expect((await shown()).schema_version).toBe(1);
    expect(await acceptedEvents()).toBe(kept);
  });

  it('lose no field of many writers, and make few versions', async () => {
    await create({ evolution_mode: 'evolve', schema: { columns: [{ name: 'id', type: 'int' }] } });
    const rounds = 5;
    for (let round = 0; round < rounds; round++) {
      const answers = await many(16, (index) =>
        send(index, {
          id: index,
          [`f${round}_${index}`]: index,
          shared: { [`p${round}_${index}`]: [index] },
        }),
      );
      expect(statuses(answers)).toEqual([202]);
    }
    const table = await shown();
    expect(table.schema.columns).toHaveLength(2 + rounds * 16);
    const shared = table.schema.columns.find(({ name }) => name === 'shared');
    expect(shared?.type.match(/list<int>/g)).toHaveLength(rounds * 16);
    // Each round at best one version a process; a request that came too late for it makes another.
    expect(table.schema_version).toBeLessThan(rounds * 16);
    expect(await acceptedEvents()).toBe(rounds * 16);
  });

  it('agree on a type where each brings another', async () => {
    await create({ evolution_mode: 'evolve', schema: { columns: [{ name: 'v', type: 'int' }] } });
    const values = [1, 2.5, 'x', true, [1], { a: 1 }, null, 3_000_000_000];
    const answers = await many(16, (index) => send(index, { v: values[index % values.length] }));
    expect(statuses(answers)).toEqual([202]);
    expect((await shown()).schema.columns).toMatchObject([{ name: 'v', type: 'json' }]);
  });

  it('go on while others change the table by PATCH', async () => {
    await create({ evolution_mode: 'evolve', schema: { columns: [{ name: 'id', type: 'int' }] } });
    const patch = (index: number) =>
      appOf(index).call('PATCH', '/v1/tables/t', {
        key: admin,
        body: { changes: [{ op: 'add_column', column: { name: `p${index}`, type: 'string' } }] },
      });
    const [answers, patched] = await Promise.all([
      many(12, (index) => send(index, { id: 1, [`f${index}`]: 1 })),
      many(6, patch),
    ]);
    expect(statuses(answers)).toEqual([202]);
    expect(statuses(patched)).toEqual([200]);
    expect((await shown()).schema.columns).toHaveLength(19);
  });

  it('refuse one request without refusing those that learn with it', async () => {
    await create({ evolution_mode: 'evolve', schema: { columns: [{ name: 'id', type: 'int' }] } });
    const answers = await many(8, (index) => send(index, index === 4 ? { _bad: 1 } : { [`f${index}`]: 1 }));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 400, 202, 202, 202]);
    expect(namesOf(await shown())).toEqual(['f0', 'f1', 'f2', 'f3', 'f5', 'f6', 'f7', 'id']);
  });

  it('learn once more where the table loses what was learnt before the records are read again', async () => {
    await create({ evolution_mode: 'evolve', schema: { columns: [{ name: 'id', type: 'int' }] } });
    const growth = appOf(0).nest.get(TableGrowth, { strict: false });
    const grow = growth.grow.bind(growth);
    let grown = 0;
    const meddled = jest.spyOn(growth, 'grow').mockImplementation(async (request) => {
      await grow(request);
      grown += 1;
      if (grown > 1) return;
      const body = { changes: [{ op: 'drop_column', name: 'fresh' }] };
      expect(await appOf(1).call('PATCH', '/v1/tables/t', { key: admin, body })).toMatchObject({
        status: 200,
      });
    });
    try {
      expect(await send(0, { id: 1, fresh: 'x' })).toMatchObject({ status: 202 });
    } finally {
      meddled.mockRestore();
    }
    expect(grown).toBe(2);
    expect(namesOf(await shown())).toEqual(['fresh', 'id']);
  });

  it('find a table that was dropped and made again', async () => {
    await create({ evolution_mode: 'evolve' });
    expect(statuses(await many(2, (index) => send(index, { old: 1 })))).toEqual([202]);
    await appOf(1).call('DELETE', '/v1/tables/t', { key: admin });
    await create({ evolution_mode: 'evolve' });
    expect(statuses(await many(4, (index) => send(index, { fresh: 1 })))).toEqual([202]);
    expect(namesOf(await shown())).toEqual(['fresh']);
  });

  it('keep what a repeat says of the first request, whatever the schema is by then', async () => {
    await create({ evolution_mode: 'evolve' });
    const body = { records: [{ idempotency_key: 'same', payload: { a: 1 } }] };
    const call = { key: writer, body };
    const first = await appOf(0).call('POST', '/v1/ingest/t', call);
    await send(1, { a: 'text' });
    const again = await many(2, (index) => appOf(index).call('POST', '/v1/ingest/t', call));
    for (const { status, body: answer } of again) {
      expect([status, answer]).toMatchObject([
        202,
        { duplicate_count: 1, max_visibility_token: first.body.max_visibility_token },
      ]);
    }
  });
});
