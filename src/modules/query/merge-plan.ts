import type { Column } from '../../kernel/index.js';
import type { SnapshotDataFile } from '../snapshots/index.js';
import { keyRangeOf, rangesMeet, type KeyRange } from './key-range.js';

/** Which files of a table are read, and which of them need to be held against deletes. */
export interface MergePlan {
  /** Rows as they are. */
  readonly plain: readonly SnapshotDataFile[];
  /** Data files from before all of `deletes`: these hide a row by its key, whatever its token. */
  readonly older: readonly SnapshotDataFile[];
  /** Other data files with rows that some of `deletes` may hide. */
  readonly merged: readonly SnapshotDataFile[];
  /** Empty where both are. */
  readonly deletes: readonly SnapshotDataFile[];
}

interface Ranged {
  readonly file: SnapshotDataFile;
  readonly range: KeyRange;
}

/** Pairs of files whose keys are compared at most. Beyond, sequence numbers alone decide. */
const MAX_PAIRS = 1_000_000;

/**
 * A delete file matters to data files with a lower sequence number that may have one of its keys, and to no others:
 * those of its own commit were written with it. What does not matter is not read, and data that nothing matters to is
 * read as it is. `key` has the primary key's columns, none where the table has no key.
 */
export function mergePlan(files: readonly SnapshotDataFile[], key: readonly Column[]): MergePlan {
  const ranged = files.map((file): Ranged => ({ file, range: keyRangeOf(key, file.keyStats ?? {}) }));
  const data = ranged.filter(({ file }) => file.content === 'data');
  const allDeletes = ranged.filter(({ file }) => file.content === 'deletes');
  const comparesKeys = data.length * allDeletes.length <= MAX_PAIRS;
  const matters = (deletes: Ranged, to: Ranged): boolean =>
    to.file.sequenceNumber < deletes.file.sequenceNumber &&
    (!comparesKeys || rangesMeet(deletes.range, to.range));
  const deletes = allDeletes.filter((one) => data.some((other) => matters(one, other)));
  const firstDeleteToken = deletes.reduce((least, { file }) => Math.min(least, file.minToken), Infinity);
  const plain: SnapshotDataFile[] = [];
  const older: SnapshotDataFile[] = [];
  const merged: SnapshotDataFile[] = [];
  for (const one of data) {
    if (!deletes.some((other) => matters(other, one))) plain.push(one.file);
    else (one.file.maxToken < firstDeleteToken ? older : merged).push(one.file);
  }
  return { plain, older, merged, deletes: deletes.map(({ file }) => file) };
}

/** The files of a plan. */
export const plannedFiles = ({ plain, older, merged, deletes }: MergePlan): SnapshotDataFile[] => [
  ...plain,
  ...older,
  ...merged,
  ...deletes,
];
