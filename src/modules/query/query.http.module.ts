import { Module } from '@nestjs/common';
import { QueryController } from './query.controller.js';
import { QueryModule } from './query.module.js';

@Module({ imports: [QueryModule], controllers: [QueryController] })
export class QueryHttpModule {}
