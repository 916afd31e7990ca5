import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Column } from '../../../kernel/columns.js';
import type { ColumnStats, WrittenFile } from '../write-engine.js';
import { withNanCounts } from './nan-counts.js';
import { ROW_GROUP_ROWS } from './write-sql.js';
import { columnStatsOf, type RawStats } from './write-stats.js';

const PIECE_BYTES = 256 * 1024;

/** What COPY says of the file that it wrote. NaN are counted by `writtenFile`. */
export interface CopiedRows {
  readonly rowCount: number;
  readonly columnStats: Readonly<Record<string, ColumnStats>>;
}

/** Runs a COPY that answers one row of `RETURN_STATS`. */
export async function runCopy(
  connection: DuckDBConnection,
  statement: string,
  columns: readonly Column[],
): Promise<CopiedRows> {
  const reader = await connection.runAndReadAll(statement);
  const row = reader.getRowObjectsJson()[0];
  if (row === undefined) throw new Error('COPY answered without statistics');
  const stats = row.column_statistics as { key: string; value: { key: string; value: string }[] }[];
  const raw = new Map<string, RawStats>(
    stats.map(({ key, value }) => [key, new Map(value.map((entry) => [entry.key, entry.value]))]),
  );
  const rowCount = Number(row.count);
  return { rowCount, columnStats: columnStatsOf(columns, raw, rowCount <= ROW_GROUP_ROWS) };
}

/** The file at `path`, read once for its size and hash. `columns` are those of the file, without the metadata columns. */
export async function writtenFile(
  connection: DuckDBConnection,
  path: string,
  columns: readonly Column[],
  copied: CopiedRows,
): Promise<WrittenFile> {
  const { rowCount } = copied;
  const columnStats = await withNanCounts(connection, path, columns, copied.columnStats);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for (const chunk of piecesOf(path)) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return {
    path,
    rowCount,
    sizeBytes,
    sha256: hash.digest('hex'),
    minEventTime: columnStats['2']?.min ?? null,
    maxEventTime: columnStats['2']?.max ?? null,
    columnStats,
  };
}

/** Read in line: this process has nothing else to do, and a usual file is one piece. */
function* piecesOf(path: string): Generator<Buffer> {
  const file = openSync(path, 'r');
  try {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (let length = readSync(file, piece); length > 0; length = readSync(file, piece))
      yield piece.subarray(0, length);
  } finally {
    closeSync(file);
  }
}
