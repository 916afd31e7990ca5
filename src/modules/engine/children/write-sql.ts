import { type Column, columnType, METADATA_COLUMNS } from '../../../kernel/columns.js';
import type { SortColumn, WriteBatch, WriteInput, WriteJob } from '../write-engine.js';
import { bodyType, duckdbType, fromText, quoteName, quoteText } from './column-sql.js';
import { formerSelf, valueSince } from './converted-value.js';

const [TOKEN, EVENT_TIME] = METADATA_COLUMNS;
const BATCHES = 'tidemark_batches';

/** Longest line that is tried first. Reading reserves twice this much memory. */
export const USUAL_OBJECT_BYTES = 16 * 1024 * 1024;
export const MAX_OBJECT_BYTES = 96 * 1024 * 1024;

/** Half of DuckDB's own: more threads have a part in a usual commit, and readers skip more. A multiple of 2048. */
export const ROW_GROUP_ROWS = 61_440;

/** From this many columns on, parts of nested ones counted, dictionaries are kept small: text takes 1 MiB a column. */
const WIDE_COLUMNS = 64;
const WIDE_OPTIONS = 'DICTIONARY_SIZE_LIMIT 1000, STRING_DICTIONARY_PAGE_SIZE_LIMIT 65536';

/** The statement that writes the job's file. It answers one row of `RETURN_STATS`. */
export function copyStatement(job: WriteJob, maxObjectBytes: number): string {
  return copyTo(bodiesSelect(job, maxObjectBytes), job.output, job);
}

/** The rows of the bodies, in the columns of the job's file; with `withOp` each one's op too, as `_op`. */
export function bodiesSelect(job: WriteJob, maxObjectBytes: number, withOp = false): string {
  const sources = job.inputs.map((input) => selectOf(input, job.columns, maxObjectBytes, withOp));
  return (
    `WITH ${BATCHES} (b, first_token, ingested_at) AS MATERIALIZED (VALUES ${job.batches.map(rowOf).join(', ')}) ` +
    sources.join(' UNION ALL ')
  );
}

/** Writes the rows of a query, which has the columns of the job's file, sorted as the job says. */
export function copyTo(select: string, output: string, { columns, sortBy }: WriteJob): string {
  const all = [...METADATA_COLUMNS, ...columns];
  const own = sortBy.filter(({ name }) => name !== TOKEN.name);
  const known = new Set(all.map((column) => column.name));
  for (const { name } of own) if (!known.has(name)) throw new Error(`there is no column ${name} to sort by`);
  return copyColumns(select, output, all, [...(own.length > 0 ? own : [EVENT_TIME]), TOKEN]);
}

/** Writes the rows of a query, which has the given columns, in the order of `sortBy`. */
export function copyColumns(
  select: string,
  output: string,
  columns: readonly Column[],
  sortBy: readonly SortColumn[],
): string {
  const fieldIds = columns.map(fieldIdOf).join(', ');
  const options = countColumns(columns) >= WIDE_COLUMNS ? `${WIDE_OPTIONS}, ` : '';
  return (
    `COPY (${select} ORDER BY ${sortBy.map(orderOf).join(', ')}) TO ${quoteText(output)} ` +
    `(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, ${options}FIELD_IDS {${fieldIds}}, RETURN_STATS true)`
  );
}

const orderOf = ({ name, descending = false }: SortColumn): string =>
  `${quoteName(name)} ${descending ? 'DESC NULLS LAST' : 'ASC NULLS FIRST'}`;

function rowOf({ batchId, firstToken, ingestedAt }: WriteBatch): string {
  if (!Number.isSafeInteger(batchId) || !Number.isSafeInteger(firstToken))
    throw new Error('a batch needs whole numbers');
  return `(${batchId}::BIGINT, ${firstToken}::BIGINT, ${quoteText(ingestedAt)}::TIMESTAMPTZ)`;
}

function selectOf(
  input: WriteInput,
  columns: readonly Column[],
  maxObjectBytes: number,
  withOp: boolean,
): string {
  const values = columns.map(
    (column) => `${valueOf(column, formerSelf(input.columns, column))} AS ${quoteName(column.name)}`,
  );
  const read = [
    "b: 'BIGINT'",
    "o: 'INTEGER'",
    "k: 'VARCHAR'",
    ...(withOp ? ["op: 'VARCHAR'"] : []),
    "e: 'TIMESTAMPTZ'",
    ...(input.columns.length > 0 ? [`p: ${quoteText(payloadType(input.columns))}`] : []),
  ];
  return (
    'SELECT t.first_token + d.o AS _visibility_token, coalesce(d.e, t.ingested_at) AS _event_time, ' +
    `t.ingested_at AS _ingested_at, d.k AS _idempotency_key${values.map((value) => `, ${value}`).join('')}${withOp ? ', d.op AS _op' : ''} ` +
    `FROM read_json(${quoteText(input.bodyFile)}, format = 'newline_delimited', compression = 'zstd', ` +
    `maximum_object_size = ${maxObjectBytes}, columns = {${read.join(', ')}}) d ` +
    `LEFT JOIN ${BATCHES} t ON d.b = t.b`
  );
}

function valueOf(column: Column, source: Column | undefined): string {
  if (source === undefined) return `CAST(NULL AS ${duckdbType(columnType(column))})`;
  return valueSince(source, column, fromText(columnType(source), `d.p.${quoteName(source.name)}`));
}

function payloadType(columns: readonly Column[]): string {
  const fields = columns.map((column) => `${quoteName(column.name)} ${bodyType(columnType(column))}`);
  return `STRUCT(${fields.join(', ')})`;
}

/** A member of FIELD_IDS. A list's part is named `element` in the file too. */
function fieldIdOf({ name, id, fields }: Column): string {
  if (!Number.isSafeInteger(id)) throw new Error(`the column ${name} has no field id`);
  if (fields === undefined) return `${quoteName(name)}: ${id}`;
  const ids = [`__duckdb_field_id: ${id}`, ...fields.map(fieldIdOf)];
  return `${quoteName(name)}: {${ids.join(', ')}}`;
}

const countColumns = (columns: readonly Column[]): number =>
  columns.reduce((count, { fields = [] }) => count + 1 + countColumns(fields), 0);
