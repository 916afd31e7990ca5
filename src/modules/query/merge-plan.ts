import type { SnapshotDataFile } from '../snapshots/index.js';

/** Which files of a table are read, and which of them need to be held against deletes. */
export interface MergePlan {
  /** Rows as they are. */
  readonly plain: readonly SnapshotDataFile[];
  /** Data files with rows that some of `deletes` may hide. Empty with `deletes`. */
  readonly merged: readonly SnapshotDataFile[];
  readonly deletes: readonly SnapshotDataFile[];
}

/**
 * A delete file matters to data files with a lower sequence number, and to no others: those of its own commit were
 * written with it. So the newest data files are read as they are, and delete files from before the oldest are not read.
 */
export function mergePlan(files: readonly SnapshotDataFile[]): MergePlan {
  const data = files.filter(({ content }) => content === 'data');
  const oldest = data.reduce((least, { sequenceNumber }) => Math.min(least, sequenceNumber), Infinity);
  const deletes = files.filter(
    ({ content, sequenceNumber }) => content === 'deletes' && sequenceNumber > oldest,
  );
  const newest = deletes.reduce((most, { sequenceNumber }) => Math.max(most, sequenceNumber), -Infinity);
  const isOlder = ({ sequenceNumber }: SnapshotDataFile): boolean => sequenceNumber < newest;
  return { plain: data.filter((file) => !isOlder(file)), merged: data.filter(isOlder), deletes };
}

/** The files of a plan. */
export const plannedFiles = ({ plain, merged, deletes }: MergePlan): SnapshotDataFile[] => [
  ...plain,
  ...merged,
  ...deletes,
];
