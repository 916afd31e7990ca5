import type { Column } from '../../kernel/index.js';
import { needsLayout } from '../engine/index.js';
import type { SnapshotDataFile } from '../snapshots/index.js';
import type { SnapshotTable, TableCatalog } from '../tables/index.js';

/** By schema version: the columns of those whose files cannot be read by the names in nested columns. */
export type FileLayouts = ReadonlyMap<number, readonly Column[]>;

/** Costs nothing for tables without nested columns, and for files of the version that is read. */
export async function fileLayouts(
  catalog: TableCatalog,
  { tableId, schemaVersion, columns }: SnapshotTable,
  files: readonly SnapshotDataFile[],
): Promise<FileLayouts> {
  const isNested = columns.some(({ fields, former = [] }) => fields !== undefined || former.length > 0);
  const others = new Set(isNested ? files.map((file) => file.schemaVersion) : []);
  others.delete(schemaVersion);
  if (others.size === 0) return new Map();
  const versions = await catalog.schemasOf(tableId, [...others]);
  return new Map([...versions].filter(([, written]) => needsLayout(written, columns)));
}
