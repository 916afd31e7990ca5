import { DataFileEntity } from './data-file.entity.js';
import { SnapshotEntity } from './snapshot.entity.js';

export type { ColumnStatistics } from './data-file.entity.js';
export { DataFileStore, type PendingFile } from './data-file.store.js';
export {
  newPublicationId,
  PublicationRefused,
  type AppendedTable,
  type AppendPublication,
} from './publication.js';
export { Publisher } from './publisher.js';
export { ReceiptLocator, type EventLocation } from './receipt-locator.js';
export { DroppedFilesGone, SchemaPublisher, type SchemaChange } from './schema-publisher.js';
export { SnapshotFiles, type SnapshotDataFile } from './snapshot-files.js';
export {
  SnapshotResolver,
  type ResolutionObserver,
  type ResolvedSnapshot,
  type SnapshotSelector,
} from './snapshot-resolver.js';
export { CONSISTENCY_TIMEOUT, SNAPSHOT_EXPIRED } from './snapshots.errors.js';
export { SnapshotsHttpModule } from './snapshots.http.module.js';
export { SnapshotsModule } from './snapshots.module.js';
export { UploadAnnouncements, type UploadedFile } from './upload-announcements.js';
export { VisibilityWaiter, type Visibility } from './visibility-waiter.js';

/** For the data source. */
export const SNAPSHOTS_ENTITIES = [SnapshotEntity, DataFileEntity];
