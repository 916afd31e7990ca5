import { DataSource, type EntitySchema, type EntityTarget } from 'typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import { registerPgTypes } from './pg-types.js';
import { PreparingClient } from './prepared-client.js';

export interface DataSourceOptions {
  readonly poolMax: number;
  /** Entity classes of the modules in use. */
  readonly entities?: readonly EntityClass[];
  /** Shown by Postgres in `pg_stat_activity`. */
  readonly applicationName?: string;
}

export type EntityClass = Exclude<
  EntityTarget<object>,
  string | EntitySchema | { type: object; name: string }
>;

/** How long a write may wait for a lock, run, or sit idle in its transaction, so that no process holds a tenant up. */
const LOCK_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 3_000;

/** A pool of connections, not opened yet: call `initialize()`. */
export function createDataSource(url: string, options: DataSourceOptions): DataSource {
  registerPgTypes();
  return new DataSource({
    type: 'postgres',
    url,
    applicationName: options.applicationName ?? 'tidemark',
    entities: [...(options.entities ?? [])] as never[],
    migrations: [...MIGRATIONS],
    migrationsTableName: 'schema_migration',
    migrationsTransactionMode: 'each',
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    poolSize: options.poolMax,
    logging: false,
    extra: {
      Client: PreparingClient,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      lock_timeout: LOCK_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      // A reply that never comes (a cut network) must not hold the caller for ever.
      query_timeout: STATEMENT_TIMEOUT_MS + LOCK_TIMEOUT_MS,
    },
  });
}
