/** How long a table's rows are to be kept, as stored in `table_def.retention`. */
export interface Retention {
  /** Of the event time of a row, at least. */
  readonly max_age_ms: number;
}

/** An hour, the finest partition of time. */
export const MIN_RETENTION_MS = 3_600_000;
/** A hundred years of 365 days. */
export const MAX_RETENTION_MS = 100 * 365 * 86_400_000;
