import { DataSource } from 'typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import { applyMigrations, createDataSource, Migrations } from '../../src/database/index.js';
import { CATALOG_ROWS } from '../support/catalog-rows.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const NAMES = MIGRATIONS.map((migration) => new migration().name);

let database: TestDatabase;
let dataSource: DataSource;

beforeEach(async () => {
  database = await createTestDatabase();
  dataSource = await open();
  await dataSource.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
});

afterEach(async () => {
  if (dataSource?.isInitialized) await dataSource.destroy();
  await database?.drop();
});

const open = () => createDataSource(database.url, { poolMax: 2 }).initialize();

describe('the migrations', () => {
  it('bring an empty database to the whole catalog, and change nothing when they run again', async () => {
    const migrations = new Migrations(dataSource);
    expect(await applyMigrations(dataSource)).toEqual(NAMES);
    expect(await migrations.pending()).toEqual([]);
    const catalog = await describeSchema();
    expect(await applyMigrations(dataSource)).toEqual([]);
    expect(await describeSchema()).toEqual(catalog);
    expect(await recorded()).toEqual(NAMES);
  });

  it('go down one by one to nothing, with data in every table, and up again to the same', async () => {
    await applyMigrations(dataSource);
    const catalog = await describeSchema();
    await dataSource.query(CATALOG_ROWS);
    expect(await emptyTables()).toEqual([]);
    for (let left = NAMES.length - 1; left >= 0; left -= 1) {
      await dataSource.undoLastMigration({ transaction: 'each' });
      expect(await recorded()).toEqual(NAMES.slice(0, left));
      expect(await new Migrations(dataSource).pending()).toEqual(NAMES.slice(left));
    }
    expect(await describeSchema()).toEqual([]);
    expect(await applyMigrations(dataSource)).toEqual(NAMES);
    expect(await describeSchema()).toEqual(catalog);
    await dataSource.query(CATALOG_ROWS);
  });

  it('come back one at a time, each leaving the schema that it found', async () => {
    await applyMigrations(dataSource);
    const catalog = await describeSchema();
    for (let steps = 1; steps <= NAMES.length; steps += 1) {
      for (let i = 0; i < steps; i += 1) await dataSource.undoLastMigration({ transaction: 'each' });
      expect(await applyMigrations(dataSource)).toEqual(NAMES.slice(NAMES.length - steps));
      expect(await describeSchema()).toEqual(catalog);
    }
  });

  it('keep the data of those that were there before', async () => {
    await applyMigrations(dataSource);
    await dataSource.undoLastMigration({ transaction: 'each' });
    await dataSource.query(`INSERT INTO tenant (tenant_id, name) VALUES ('kept', 'Kept')`);
    await applyMigrations(dataSource);
    expect(await dataSource.query('SELECT tenant_id, name FROM tenant')).toEqual([
      { tenant_id: 'kept', name: 'Kept' },
    ]);
  });

  it('are applied once each by several processes that start at the same time', async () => {
    const processes = await Promise.all(Array.from({ length: 4 }, open));
    try {
      const applied = await Promise.all(processes.map((each) => applyMigrations(each)));
      expect(applied.flat()).toEqual(NAMES);
      expect(await recorded()).toEqual(NAMES);
    } finally {
      await Promise.all(processes.map((each) => each.destroy()));
    }
  });

  it('leave the timeouts of the connection as they were', async () => {
    const timeouts = () =>
      dataSource.query<unknown>(
        `SELECT name, setting FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout') ORDER BY 1`,
      );
    const before = await timeouts();
    await applyMigrations(dataSource);
    expect(await timeouts()).toEqual(before);
  });
});

async function recorded(): Promise<string[]> {
  const rows = await dataSource.query<{ name: string }[]>('SELECT name FROM schema_migration ORDER BY id');
  return rows.map((row) => row.name);
}

/** Everything in the schema but TypeORM's own table, one line each. */
async function describeSchema(): Promise<string[]> {
  const rows = await dataSource.query<{ line: string }[]>(`
    WITH relations AS (
      SELECT c.oid, c.relname, c.relkind FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'schema_migration%'
        AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = c.oid AND i.indrelid = 'schema_migration'::regclass)
    )
    SELECT format('relation %s %s', relkind, relname) AS line FROM relations
    UNION ALL
    SELECT format('column %s.%s %s %s default %s', r.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p')
    UNION ALL
    SELECT format('index %s', pg_get_indexdef(oid)) FROM relations WHERE relkind IN ('i', 'I')
    UNION ALL
    SELECT format('constraint %s %s %s', r.relname, c.conname, pg_get_constraintdef(c.oid))
    FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid
    UNION ALL
    SELECT format('function %s', pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT format('type %s', typname) FROM pg_type
    WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
    ORDER BY line`);
  return rows.map((row) => row.line);
}

/** Tables, partitioned ones as a whole, that `CATALOG_ROWS` forgot. */
async function emptyTables(): Promise<string[]> {
  const tables = await dataSource.query<{ name: string }[]>(`
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`);
  const empty: string[] = [];
  for (const { name } of tables) {
    const rows = await dataSource.query<unknown[]>(`SELECT FROM ${name} LIMIT 1`);
    if (rows.length === 0) empty.push(name);
  }
  return empty;
}
