import { Module } from '@nestjs/common';
import { SnapshotsModule } from '../snapshots/index.js';
import { DroppedTables } from './dropped-tables.service.js';
import { SchemaVersions } from './schema-versions.service.js';
import { TableGrowth } from './inference/table-growth.service.js';
import { TableAlterations } from './table-alterations.service.js';
import { TableCatalog } from './table-catalog.js';
import { TableLayouts } from './table-layouts.js';
import { TableNames } from './table-names.js';
import { TableRegistry } from './table-registry.js';
import { TableSchemas } from './table-schemas.js';
import { TableStore } from './table.store.js';
import { TablesService } from './tables.service.js';

/** Table definitions, their schema versions and their validators. */
@Module({
  imports: [SnapshotsModule],
  providers: [
    DroppedTables,
    SchemaVersions,
    TableAlterations,
    TableCatalog,
    TableGrowth,
    TableLayouts,
    TableNames,
    TableRegistry,
    TableSchemas,
    TablesService,
    TableStore,
  ],
  exports: [
    DroppedTables,
    SchemaVersions,
    TableAlterations,
    TableCatalog,
    TableGrowth,
    TableLayouts,
    TableNames,
    TableRegistry,
    TableSchemas,
    TablesService,
  ],
})
export class TablesModule {}
