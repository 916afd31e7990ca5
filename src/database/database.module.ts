import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { LOGGER, type Logger } from '../kernel/index.js';
import { createDataSource, type EntityClass } from './data-source.js';
import { applyMigrations, Migrations } from './migrations.js';
import { DATABASE_URL, Notifications } from './notifications.js';
import { openDatabase } from './open-database.js';
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
          useFactory: (logger: Logger) => migratedDatabase(options, logger),
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

async function migratedDatabase(options: DatabaseOptions, logger: Logger): Promise<DataSource> {
  const dataSource = createDataSource(options.url, options);
  await openDatabase(dataSource, options.url);
  const applied = await applyMigrations(dataSource);
  if (applied.length > 0) logger.info({ migrations: applied }, 'migrations applied');
  return dataSource;
}
