import { Module } from '@nestjs/common';
import { SnapshotsController } from './snapshots.controller.js';
import { SnapshotsModule } from './snapshots.module.js';

@Module({ imports: [SnapshotsModule], controllers: [SnapshotsController] })
export class SnapshotsHttpModule {}
