import pg from 'pg';
import type { DataSource } from 'typeorm';
import { isDatabaseUnavailable, isLoginRefused, SQLSTATE, sqlStateOf } from './database-errors.js';
import { query, sql } from './sql.js';

/** The service cannot run on the database of its settings. The message is for who starts it, and has no secret. */
export class DatabaseStartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DatabaseStartError';
  }
}

/** Opens the pool. Throws a `DatabaseStartError` where that cannot be, or where the server may lose what it keeps. */
export async function openDatabase(dataSource: DataSource, url: string): Promise<void> {
  try {
    await dataSource.initialize();
  } catch (error) {
    const fault = faultOf(error, url);
    if (fault === undefined) throw error;
    throw new DatabaseStartError(fault, { cause: error });
  }
  await refuseUnsafeSettings(dataSource);
}

/** Undefined where the settings are not to blame. */
function faultOf(error: unknown, url: string): string | undefined {
  // As the driver reads the URL, with its defaults.
  const { host, port, database, user } = new pg.Client({ connectionString: url });
  const code = sqlStateOf(error);
  const why = code ?? (error as Error).message;
  const cannot = `Cannot open the database ${database} at ${host}:${port}`;
  if (code === SQLSTATE.noSuchDatabase)
    return `${cannot}: it does not exist (${why}). Create it, or set TIDEMARK_DATABASE_URL to another.`;
  if (isLoginRefused(error))
    return `${cannot}: the user ${user} is not let in (${why}). Set TIDEMARK_DATABASE_URL to a user and password that are.`;
  if (isDatabaseUnavailable(error))
    return `${cannot}: nothing answers there (${why}). Start Postgres, or set TIDEMARK_DATABASE_URL to where it runs.`;
  return undefined;
}

const OLDEST_VERSION = 150_000;

/** The promises need durable commits and the statements need Postgres 15. */
async function refuseUnsafeSettings(dataSource: DataSource): Promise<void> {
  const [row] = await query<{ version: number; fsync: string; commit: string }>(
    dataSource,
    sql`SELECT current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync,
               current_setting('synchronous_commit') AS commit`,
  );
  if (row === undefined) throw new Error('the database did not tell its settings');
  if (row.version < OLDEST_VERSION)
    throw new DatabaseStartError(`Postgres 15 or newer is needed; this is ${row.version}.`);
  if (row.fsync !== 'on' || row.commit === 'off') {
    throw new DatabaseStartError(
      `Postgres runs with fsync=${row.fsync} and synchronous_commit=${row.commit}: an acknowledged write could be lost. Turn both on.`,
    );
  }
}
