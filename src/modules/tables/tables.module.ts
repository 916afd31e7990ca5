import { Module } from '@nestjs/common';
import { SnapshotsModule } from '../snapshots/index.js';
import { TableCatalog } from './table-catalog.js';
import { TableNames } from './table-names.js';
import { TableRegistry } from './table-registry.js';
import { TableSchemas } from './table-schemas.js';
import { TableStore } from './table.store.js';
import { TablesService } from './tables.service.js';

/** Table definitions, their schema versions and their validators. */
@Module({
  imports: [SnapshotsModule],
  providers: [TableNames, TableCatalog, TableRegistry, TableSchemas, TablesService, TableStore],
  exports: [TableNames, TableCatalog, TableRegistry, TableSchemas, TablesService],
})
export class TablesModule {}
