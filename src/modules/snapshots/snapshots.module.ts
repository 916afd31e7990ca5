import { Module } from '@nestjs/common';
import { DataFileStore } from './data-file.store.js';
import { Publisher } from './publisher.js';
import { ReceiptLocator } from './receipt-locator.js';
import { SchemaPublisher } from './schema-publisher.js';
import { SnapshotFiles } from './snapshot-files.js';
import { SnapshotResolver } from './snapshot-resolver.js';
import { SnapshotStore } from './snapshot.store.js';
import { UploadAnnouncements } from './upload-announcements.js';
import { VisibilityWaiter } from './visibility-waiter.js';

@Module({
  providers: [
    DataFileStore,
    Publisher,
    ReceiptLocator,
    SchemaPublisher,
    SnapshotFiles,
    SnapshotResolver,
    SnapshotStore,
    UploadAnnouncements,
    VisibilityWaiter,
  ],
  exports: [
    DataFileStore,
    Publisher,
    ReceiptLocator,
    SchemaPublisher,
    SnapshotFiles,
    SnapshotResolver,
    SnapshotStore,
    UploadAnnouncements,
    VisibilityWaiter,
  ],
})
export class SnapshotsModule {}
