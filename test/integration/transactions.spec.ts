import { DataSource } from 'typeorm';
import { armFailpoints } from '../../src/kernel/index.js';
import { createDataSource, prepared, query, sql, Transactions } from '../../src/database/index.js';
import { TENANCY_ENTITIES } from '../../src/modules/tenancy/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startDatabaseProxy } from '../support/database-proxy.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

let database: TestDatabase;
let dataSource: DataSource;
let transactions: Transactions;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await open(database.url);
  transactions = new Transactions(dataSource);
});

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

const open = (url: string, poolMax = 4) =>
  createDataSource(url, { poolMax, entities: TENANCY_ENTITIES }).initialize();

const insert = (tenantId: string) => sql`INSERT INTO tenant (tenant_id, name) VALUES (${tenantId}, 'x')`;

async function tenantIds(prefix: string): Promise<string[]> {
  const rows = await query<{ id: string }>(
    dataSource,
    sql`SELECT tenant_id AS id FROM tenant WHERE tenant_id LIKE ${`${prefix}%`} ORDER BY 1`,
  );
  return rows.map((row) => row.id);
}

describe('a write transaction', () => {
  it('commits all of it', async () => {
    const answer = await transactions.write(async (tx) => {
      await query(tx, insert('all-1'));
      await query(tx, insert('all-2'));
      return 'done';
    });
    expect(answer).toBe('done');
    expect(await tenantIds('all-')).toEqual(['all-1', 'all-2']);
  });

  it('keeps nothing where the work throws, and passes the error on', async () => {
    const fault = new Error('changed my mind');
    const work = transactions.write(async (tx) => {
      await query(tx, insert('thrown'));
      throw fault;
    });
    await expect(work).rejects.toBe(fault);
    expect(await tenantIds('thrown')).toEqual([]);
  });

  it('keeps nothing where a later statement fails', async () => {
    const work = transactions.write(async (tx) => {
      await query(tx, insert('partial'));
      await query(tx, insert('NOT A SLUG'));
    });
    await expect(work).rejects.toMatchObject({
      driverError: { code: '23514' },
    });
    expect(await tenantIds('partial')).toEqual([]);
  });

  it('shows nothing to others before it commits', async () => {
    await transactions.write(async (tx) => {
      await query(tx, insert('hidden'));
      expect(await tenantIds('hidden')).toEqual([]);
    });
    expect(await tenantIds('hidden')).toEqual(['hidden']);
  });

  it('gives its connection back, however it ends', async () => {
    const narrow = await open(database.url, 2);
    try {
      const few = new Transactions(narrow);
      for (let i = 0; i < 10; i += 1) {
        await expect(few.write(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
      }
      await few.write((tx) => query(tx, insert('given-back')));
      expect(await tenantIds('given-back')).toEqual(['given-back']);
    } finally {
      await narrow.destroy();
    }
  });

  it('does not wait for a lock for ever', async () => {
    const [settings] = await transactions.write((tx) =>
      query<Record<string, string>>(
        tx,
        sql`SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement,
                   current_setting('idle_in_transaction_session_timeout') AS idle`,
      ),
    );
    expect(settings).toEqual({ lock: '5s', statement: '15s', idle: '5s' });
  });
});

describe('a write of one statement', () => {
  afterEach(() => armFailpoints([]));

  it('commits it', async () => {
    await transactions.single((pool) => query(pool, insert('single-1')));
    expect(await tenantIds('single-')).toEqual(['single-1']);
  });

  it('is not sent, or has come through, where it stops before its commit or after it', async () => {
    armFailpoints([{ name: 'database.commit', action: 'unavailable', count: 1 }]);
    const before = transactions.single((pool) => query(pool, insert('stopped-1')));
    await expect(before).rejects.toMatchObject({ code: 'DEPENDENCY_UNAVAILABLE' });
    armFailpoints([{ name: 'database.committed', action: 'unavailable', count: 1 }]);
    const after = transactions.single((pool) => query(pool, insert('stopped-2')));
    await expect(after).rejects.toMatchObject({ code: 'DEPENDENCY_UNAVAILABLE' });
    expect(await tenantIds('stopped-')).toEqual(['stopped-2']);
  });
});

describe('a prepared statement', () => {
  const twice = (n: number) => prepared('twice_of')`SELECT ${n}::int * 2 AS n`;
  const plans = sql`SELECT count(*)::int AS plans, sum(generic_plans + custom_plans)::int AS runs
                    FROM pg_prepared_statements WHERE name = 'twice_of'`;

  it('is planned once a connection, and takes other values each time', async () => {
    await transactions.write(async (tx) => {
      for (const n of [1, 2, 3]) expect(await query(tx, twice(n))).toEqual([{ n: n * 2 }]);
      expect(await query(tx, plans)).toEqual([{ plans: 1, runs: 3 }]);
    });
  });

  describe('whose plan broke', () => {
    const label = prepared('label')`SELECT label FROM planned`;
    let alone: DataSource;

    beforeEach(async () => {
      alone = await open(database.url, 1);
      await alone.query(`CREATE TABLE planned AS SELECT 7 AS label`);
      expect(await query(alone, label)).toEqual([{ label: 7 }]);
    });

    afterEach(async () => {
      await alone.query('DROP TABLE planned');
      await alone.destroy();
    });

    const breaks: [string, string, unknown, string][] = [
      ['by another type', 'ALTER TABLE planned ALTER COLUMN label TYPE text', '7', '0A000'],
      ['by a reset of the session', 'DISCARD ALL', 7, '26000'],
    ];

    it.each(breaks)('%s, is planned again at once', async (_, statement, answer) => {
      await alone.query(statement);
      expect(await query(alone, label)).toEqual([{ label: answer }]);
      await alone.query(`ALTER TABLE planned ALTER COLUMN label TYPE json USING '[]'`);
      expect(await query(alone, label)).toEqual([{ label: [] }]);
    });

    it.each(breaks)('%s, ends its transaction and not the next', async (_, statement, answer, code) => {
      await alone.query(statement);
      const inTransaction = () => new Transactions(alone).write((tx) => query(tx, label));
      await expect(inTransaction()).rejects.toMatchObject({ code });
      expect(await inTransaction()).toEqual([{ label: answer }]);
    });
  });

  it('gives its name to no other text', async () => {
    await transactions.write(async (tx) => {
      await query(tx, twice(1));
      await expect(query(tx, prepared('twice_of')`SELECT ${1}::int AS n`)).rejects.toThrow('unique');
    });
  });
});

describe('a read transaction', () => {
  it('answers from one moment', async () => {
    await transactions.read(async (tx) => {
      const count = () => query(tx, sql`SELECT count(*) FROM tenant WHERE tenant_id LIKE 'moment%'`);
      const before = await count();
      await query(dataSource, insert('moment'));
      expect(await count()).toEqual(before);
    });
    expect(await tenantIds('moment')).toEqual(['moment']);
  });
});

describe('a database that is away', () => {
  let proxy: TcpProxy;
  let remote: DataSource;
  let away: Transactions;

  beforeEach(async () => {
    const proxied = await startDatabaseProxy(database.url);
    proxy = proxied.proxy;
    remote = await open(proxied.url);
    away = new Transactions(remote);
  });

  afterEach(async () => {
    await remote.destroy();
    await proxy.close();
  });

  const unavailable = {
    code: 'DEPENDENCY_UNAVAILABLE',
    retryAfterMs: 1000,
    context: { dependency: 'postgres' },
  };

  it('is DEPENDENCY_UNAVAILABLE, and works again when it is back', async () => {
    await away.write((tx) => query(tx, insert('away-before')));
    await proxy.cut();
    await expect(away.write((tx) => query(tx, insert('away-during')))).rejects.toMatchObject(unavailable);
    await expect(away.read((tx) => query(tx, sql`SELECT 1`))).rejects.toMatchObject(unavailable);
    await expect(away.pooled((pool) => query(pool, sql`SELECT 1`))).rejects.toMatchObject(unavailable);
    await proxy.mend();
    await away.write((tx) => query(tx, insert('away-after')));
    expect(await tenantIds('away-')).toEqual(['away-after', 'away-before']);
  });

  it('leaves nothing of a transaction that it interrupts', async () => {
    const work = away.write(async (tx) => {
      await query(tx, insert('cut'));
      await proxy.cut();
      await query(tx, insert('cut-2'));
    });
    await expect(work).rejects.toMatchObject(unavailable);
    expect(await tenantIds('cut')).toEqual([]);
  });

  it('is DEPENDENCY_UNAVAILABLE too where the server ended the session between two statements', async () => {
    const work = away.write(async (tx) => {
      const [session] = await query<{ pid: number }>(tx, sql`SELECT pg_backend_pid() AS pid`);
      await query(tx, insert('ended'));
      await query(dataSource, sql`SELECT pg_terminate_backend(${session?.pid}, 5000)`);
      await query(tx, insert('ended-2'));
    });
    await expect(work).rejects.toMatchObject(unavailable);
    expect(await tenantIds('ended')).toEqual([]);
    await away.write((tx) => query(tx, insert('ended-3')));
  });
});
