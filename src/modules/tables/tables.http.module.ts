import { Module } from '@nestjs/common';
import { TablesController } from './tables.controller.js';
import { TablesModule } from './tables.module.js';

@Module({ imports: [TablesModule], controllers: [TablesController] })
export class TablesHttpModule {}
