import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { LOGGER, type Logger } from '../kernel/index.js';
import { createDataSource, type EntityClass } from './data-source.js';
import { applyMigrations, Migrations } from './migrations.js';
import { DATABASE_URL, Notifications } from './notifications.js';
import { query, sql } from './sql.js';
import { Transactions } from './transactions.js';

export interface DatabaseOptions {
  readonly url: string;
  readonly poolMax: number;
  readonly entities: readonly EntityClass[];
}

/** The pool, opened and migrated before anything else starts. Closed last. */
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  static forRoot(options: DatabaseOptions): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      providers: [
        {
          provide: DataSource,
          inject: [LOGGER],
          useFactory: (logger: Logger) => openDatabase(options, logger),
        },
        { provide: DATABASE_URL, useValue: options.url },
        Transactions,
        Migrations,
        Notifications,
      ],
      exports: [DataSource, Transactions, Migrations, Notifications],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    // Nest calls the modules' hooks in no promised order: what still writes finishes in beforeApplicationShutdown.
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}

async function openDatabase(options: DatabaseOptions, logger: Logger): Promise<DataSource> {
  const dataSource = createDataSource(options.url, options);
  await dataSource.initialize();
  await refuseUnsafeSettings(dataSource);
  const applied = await applyMigrations(dataSource);
  if (applied.length > 0) logger.info({ migrations: applied }, 'migrations applied');
  return dataSource;
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
  if (row.version < OLDEST_VERSION) throw new Error(`Postgres 15 or newer is needed; this is ${row.version}`);
  if (row.fsync !== 'on' || row.commit === 'off') {
    throw new Error(
      `Postgres runs with fsync=${row.fsync} and synchronous_commit=${row.commit}: an acknowledged write could be lost. Turn both on.`,
    );
  }
}
