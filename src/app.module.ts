import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { ConfigModule, type Role, type Settings } from './config/index.js';
import { DatabaseModule } from './database/index.js';
import { HttpModule } from './http/index.js';
import { KernelModule, type Logger } from './kernel/index.js';
import { CommitWorkerModule } from './modules/commit/index.js';
import { IngestHttpModule } from './modules/ingest/index.js';
import { MaintenanceWorkerModule } from './modules/maintenance/index.js';
import { OperationsHttpModule } from './modules/operations/index.js';
import { QueryHttpModule } from './modules/query/index.js';
import { SNAPSHOTS_ENTITIES, SnapshotsHttpModule } from './modules/snapshots/index.js';
import { TABLES_ENTITIES, TablesHttpModule } from './modules/tables/index.js';
import { TENANCY_ENTITIES, TenancyHttpModule } from './modules/tenancy/index.js';

const MODULES_OF_ROLE: Record<Role, readonly Type[]> = {
  api: [TenancyHttpModule, TablesHttpModule, IngestHttpModule, SnapshotsHttpModule, QueryHttpModule],
  coordinator: [CommitWorkerModule],
  maintenance: [MaintenanceWorkerModule],
};

/** The one composition root. */
@Module({})
export class AppModule {
  /** A role never instantiates another's loops. Every role answers health, readiness and metrics. */
  static forRoles(settings: Settings, logger: Logger): DynamicModule {
    const { url, poolMax } = settings.database;
    if (url === undefined) throw new Error('the database URL is not known yet');
    return {
      module: AppModule,
      imports: [
        KernelModule.forRoot(logger),
        ConfigModule.forSettings(settings),
        DatabaseModule.forRoot({
          url,
          poolMax,
          entities: [...TENANCY_ENTITIES, ...TABLES_ENTITIES, ...SNAPSHOTS_ENTITIES],
        }),
        HttpModule,
        OperationsHttpModule,
        ...settings.roles.flatMap((role) => MODULES_OF_ROLE[role]),
      ],
    };
  }
}
