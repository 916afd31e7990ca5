import { query, sql, type SqlExecutor } from '../../../database/index.js';

export interface EndedRun {
  readonly kind: 'purge';
  readonly durationMs: number;
  readonly progress: Readonly<Record<string, unknown>>;
}

/** A row for scheduled work that was done, over all tenants. */
export async function recordScheduledRun(executor: SqlExecutor, run: EndedRun): Promise<void> {
  await query(
    executor,
    sql`INSERT INTO maintenance_run (kind, requested_by, state, attempt, progress, started_at, completed_at)
        VALUES (${run.kind}, 'schedule', 'succeeded', 1, ${JSON.stringify(run.progress)}::jsonb,
                clock_timestamp() - ${run.durationMs} * interval '1 millisecond', clock_timestamp())`,
  );
}

/** Deletes rows of scheduled purges that are older than `keepMs`, at most a thousand. */
export async function forgetPurgeRuns(executor: SqlExecutor, keepMs: number): Promise<void> {
  await query(
    executor,
    sql`DELETE FROM maintenance_run WHERE run_id IN (
          SELECT run_id FROM maintenance_run
          WHERE kind = 'purge' AND requested_by = 'schedule' AND state = 'succeeded'
            AND completed_at < clock_timestamp() - ${keepMs} * interval '1 millisecond'
          ORDER BY run_id LIMIT 1000 FOR UPDATE SKIP LOCKED)`,
  );
}
