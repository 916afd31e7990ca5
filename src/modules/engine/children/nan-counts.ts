import type { DuckDBConnection } from '@duckdb/node-api';
import { type Column, columnType } from '../../../kernel/columns.js';
import type { ColumnStats } from '../write-engine.js';
import { quoteName, quoteText } from './column-sql.js';

type StatsById = Readonly<Record<string, ColumnStats>>;

/** Statistics of a file with NaN counts where COPY did not say that there is none: one look at those columns alone. */
export async function withNanCounts(
  connection: DuckDBConnection,
  path: string,
  columns: readonly Column[],
  stats: StatsById,
): Promise<StatsById> {
  const unknown = floatsOf(columns).filter(
    ({ id }) => stats[id] !== undefined && stats[id].nanCount === undefined,
  );
  if (unknown.length === 0) return stats;
  const counts = unknown.map(({ value }) => `count(*) FILTER (isnan(${value}))`);
  const reader = await connection.runAndReadAll(
    `SELECT ${counts.join(', ')} FROM read_parquet(${quoteText(path)}, hive_partitioning = false)`,
  );
  const [row = []] = reader.getRows();
  const counted = unknown.map(({ id }, index) => [id, { ...stats[id], nanCount: Number(row[index]) }]);
  return { ...stats, ...(Object.fromEntries(counted) as StatsById) };
}

interface FloatValue {
  readonly id: string;
  /** SQL of the value in a row of the file. */
  readonly value: string;
}

/** Those of the columns and of structs. In a list a row has many. */
function floatsOf(columns: readonly Column[], parent?: string): FloatValue[] {
  return columns.flatMap((column): FloatValue[] => {
    const value =
      parent === undefined ? quoteName(column.name) : `struct_extract(${parent}, ${quoteText(column.name)})`;
    const { kind } = columnType(column);
    if (kind === 'struct') return floatsOf(column.fields ?? [], value);
    return kind === 'float' || kind === 'double' ? [{ id: String(column.id), value }] : [];
  });
}
