import type { Column, PartitionField, PartitionValues } from '../../kernel/index.js';

/** Injection token of the `WriteEngine`. */
export const WRITE_ENGINE = Symbol('WriteEngine');

/** A local file of zstd NDJSON frames, lines `{b,o,op,k,e,p}`, all accepted under one schema. */
export interface WriteInput {
  /** Absolute path. */
  readonly bodyFile: string;
  /** The schema that the lines were accepted under. */
  readonly columns: readonly Column[];
}

/** What the lines of one batch (their `b`) share. */
export interface WriteBatch {
  readonly batchId: number;
  /** A line's token is this plus its `o`. */
  readonly firstToken: number;
  /** RFC 3339, in UTC with `Z`. */
  readonly ingestedAt: string;
}

/** Nulls come first, and last where it is descending. */
export interface SortColumn {
  readonly name: string;
  readonly descending?: boolean;
}

export interface WriteJob {
  readonly inputs: readonly WriteInput[];
  readonly batches: readonly WriteBatch[];
  /** Schema of the file; inputs are mapped to it by field id, and a column that they lack is null. */
  readonly columns: readonly Column[];
  /** The token comes last by itself. Empty means `_event_time`. */
  readonly sortBy: readonly SortColumn[];
  /** Their sources are columns of the file. None makes one file. */
  readonly partitionBy?: readonly PartitionField[];
  /** With `partitionBy`, 2 or more: where there are more partitions, those with few rows share files. */
  readonly maxFiles?: number;
  /** Absolute path of the Parquet file; those of several are beside it. They are written over. */
  readonly output: string;
  /** When given, any other number of rows is a `ConversionFault`: a torn body reads as a shorter one. */
  readonly expectedRows?: number;
}

/** A job of a table with a primary key: of the rows of one key, the one with the highest token counts. */
export interface KeyedWriteJob extends WriteJob {
  /** The key's columns, as `columns` has them. At least one. */
  readonly key: readonly Column[];
  /** Absolute path of the delete file. It is written over. */
  readonly deletesOutput: string;
}

/** What is left of a range, one row a key. */
export interface KeyedFiles {
  /** The last row of each key that was not deleted last, by partition; none where there is none. */
  readonly data: readonly PartitionFile[];
  /** Each key of the range once, with its highest token. */
  readonly deletes: WrittenFile;
  /** Of the rows that were read. */
  readonly minToken: number;
  readonly maxToken: number;
  readonly rowCount: number;
}

/**
 * Bounds of one column. Text: numbers as DuckDB prints them, `true` and `false`, times in RFC 3339.
 * binary in base64. A null bound is an unknown one: json has none. Bounds of strings and binary are in byte order, cut to
 * 256 bytes so that they still hold.
 */
export interface ColumnStats {
  readonly min: string | null;
  readonly max: string | null;
  /** Absent for parts of nested columns: the engine counts some nulls twice there. */
  readonly nullCount?: number;
  /** Of float and double, also in structs. Absent for what is inside of lists. */
  readonly nanCount?: number;
}

export interface WrittenFile {
  readonly path: string;
  readonly rowCount: number;
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
  /** RFC 3339 in microseconds; null for a file without rows. */
  readonly minEventTime: string | null;
  readonly maxEventTime: string | null;
  /** By field id, the metadata columns' included. A list or struct has none: those of its parts do. */
  readonly columnStats: Readonly<Record<string, ColumnStats>>;
}

/** A file of one partition, or of several. */
export interface PartitionFile extends WrittenFile {
  /** Null where the file holds a mix, or the values are too long to be kept. */
  readonly partition: PartitionValues | null;
}

/**
 * Makes typed Parquet files of event bodies, in a process of its own.
 * A job touches no file but those it names, and keeps nothing for the next. On failure the output may be torn.
 */
export interface WriteEngine {
  /**
   * A file for each partition, at least one; the rows of a partition are in one file. What turns out to be one partition
   * costs one statement, as if there were none.
   * Rejects with `ConversionFault` when the data itself cannot be written (again fails again), with
   * `EngineFailure` for anything else, and with the signal's reason when that aborts.
   */
  writeParquet(job: WriteJob, signal?: AbortSignal): Promise<readonly PartitionFile[]>;

  /** As `writeParquet`, of lines with an `op`: insert, upsert or delete. */
  writeKeyed(job: KeyedWriteJob, signal?: AbortSignal): Promise<KeyedFiles>;
}
