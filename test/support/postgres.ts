import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { applyMigrations, createDataSource } from '../../src/database/index.js';

export interface TestDatabase {
  readonly url: string;
  /** Drops it, with whatever is still connected. */
  drop(): Promise<void>;
}

/** Any number that nothing else on the server locks. */
const TEMPLATE_LOCK = 7_418_529;

/** A database of its own with all migrations applied: a clone of a template that is made once per run. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = requiredVariable('TIDEMARK_TEST_DATABASE_URL');
  const run = `tidemark_test_${requiredVariable('TIDEMARK_TEST_RUN_ID')}`;
  const template = `${run}_template`;
  const name = `${run}_${randomBytes(6).toString('hex')}`;
  await asAdmin(server, async (admin) => {
    await ensureTemplate(admin, server, template);
    await admin.query(`CREATE DATABASE "${name}" TEMPLATE "${template}"`);
  });
  const drop = () =>
    asAdmin(
      server,
      async (admin) => void (await admin.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)),
    );
  return { url: urlOf(server, name), drop };
}

async function ensureTemplate(admin: pg.Client, server: string, template: string): Promise<void> {
  await admin.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    const { rows } = await admin.query<{ closed: boolean }>(
      'SELECT NOT datallowconn AS closed FROM pg_database WHERE datname = $1',
      [template],
    );
    if (rows[0]?.closed === true) return;
    await admin.query(`DROP DATABASE IF EXISTS "${template}" WITH (FORCE)`);
    await admin.query(`CREATE DATABASE "${template}"`);
    await migrate(urlOf(server, template));
    // Only a database without connections can be cloned, and this says that it is complete.
    await admin.query(`ALTER DATABASE "${template}" ALLOW_CONNECTIONS false`);
  } finally {
    await admin.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
}

async function migrate(url: string): Promise<void> {
  const dataSource = await createDataSource(url, { poolMax: 2 }).initialize();
  try {
    await applyMigrations(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

async function asAdmin(url: string, work: (admin: pg.Client) => Promise<void>): Promise<void> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

function requiredVariable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set: run the tests with npm test`);
  return value;
}
