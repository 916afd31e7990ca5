import { Module } from '@nestjs/common';
import { SchemasController } from './schemas.controller.js';
import { TablesController } from './tables.controller.js';
import { TablesModule } from './tables.module.js';

@Module({ imports: [TablesModule], controllers: [TablesController, SchemasController] })
export class TablesHttpModule {}
