import type { Column } from '../../kernel/index.js';

/** Injection token of the `QueryEngine`. */
export const QUERY_ENGINE = Symbol('QueryEngine');

/** A table as the gate needs to know it. */
export interface TableShape {
  readonly name: string;
  readonly columns: readonly Column[];
}

/** A statement that may be run: one SELECT over the tables that were given, and nothing else. */
export interface GatedQuery {
  /** Names of the tables that it reads, in alphabetical order. */
  readonly tables: readonly string[];
  /** Names of its parameters; `1`, `2`… for positional ones. */
  readonly parameters: readonly string[];
  /** True when it lists tables or columns: `run` then needs every table, those that are not read without files. */
  readonly readsCatalog: boolean;
}

/** A parameter with its type, one of a column, and the value in JSON. */
export interface TypedParameter {
  readonly type: string;
  readonly value: unknown;
}

/**
 * Bare values: a whole number within 2^53 is a long, any other number a double; strings, booleans and null
 * are themselves.
 */
export type QueryParameter = string | number | boolean | null | TypedParameter;
export type QueryParameters = readonly QueryParameter[] | Readonly<Record<string, QueryParameter>>;

/** A Parquet file on local disk. */
export interface QueryFile {
  /** Absolute. */
  readonly path: string;
  /** How many rows it has, where that is known: a statement is planned by it. */
  readonly rows?: number;
  /** Index in the table's `layouts`. Absent: fields of structs have the names that the table gives them. */
  readonly layout?: number;
}

/** Files of a table with a primary key, with rows that deletes may hide. */
export interface MergedFiles {
  /** All of their rows have lower tokens than all of `deletes`. */
  readonly older: readonly QueryFile[];
  readonly files: readonly QueryFile[];
  /** Rows of a key and a token: a row of the files with that key and a lower token is not seen. */
  readonly deletes: readonly QueryFile[];
  /** The key's columns, as the table's `columns` have them. */
  readonly key: readonly Column[];
}

export interface QueryTable extends TableShape {
  /** Files whose rows are seen as they are. */
  readonly files: readonly QueryFile[];
  readonly merged?: MergedFiles | undefined;
  /** Columns of schemas that files were written under. See `needsLayout`. */
  readonly layouts?: readonly (readonly Column[])[];
}

export interface QueryJob {
  readonly tenantId: string;
  /** Text that `gate` let pass with the same tables. */
  readonly sql: string;
  readonly params: QueryParameters;
  /** The tables that the gate named; all of them when it reads the catalog. */
  readonly tables: readonly QueryTable[];
  readonly rowLimit: number;
  /** Of the rows as JSON. */
  readonly maxBytes: number;
  /** From the moment that a worker takes the query. */
  readonly timeoutMs: number;
}

/** A value as JSON: see the module's README for how each type is written. */
export type ResultValue = string | number | boolean | null | ResultValue[] | { [key: string]: ResultValue };

export interface ResultColumn {
  readonly name: string;
  /** As in a table's schema where there is such a type; else DuckDB's name in lower case. */
  readonly type: string;
}

export interface QueryResult {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly ResultValue[])[];
  /** True when there were more rows than `rowLimit`. */
  readonly truncated: boolean;
  readonly queuedMs: number;
  readonly durationMs: number;
}

/** Thrown by `gate` for a name in FROM that is no table of the tenant. */
export class UnknownTableError extends Error {
  constructor(
    readonly table: string,
    /** In characters from 1. */
    readonly position: number | undefined,
  ) {
    super(`there is no table ${table}`);
    this.name = 'UnknownTableError';
  }
}

/**
 * Runs SELECTs of tenants in processes of their own, each over the files that it is given and nothing else.
 * Errors are `AppError`s: SQL_INVALID, SQL_NOT_ALLOWED, QUERY_TIMEOUT, QUERY_TOO_LARGE, QUERY_MEMORY_EXCEEDED,
 * QUEUE_FULL. Any other error is an `EngineFailure`, or the reason of the signal.
 */
export interface QueryEngine {
  /** Runs nothing. Also throws `UnknownTableError`. */
  gate(sql: string, tables: readonly TableShape[], signal?: AbortSignal): Promise<GatedQuery>;
  run(job: QueryJob, signal?: AbortSignal): Promise<QueryResult>;
}
