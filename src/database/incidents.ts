import { query, sql, type SqlExecutor } from './sql.js';

/** Something that an operator should know of. Kept in `incident_audit`. */
export interface Incident {
  readonly tenantId: string;
  readonly type: string;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly summary: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** The process or the key. */
  readonly actor: string;
  /** Where given, an incident of this tenant and type with the same episode is not written again. */
  readonly episode?: string;
}

/** Writes one row, or none for an episode that has its row. Inserts only. */
export async function raiseIncident(executor: SqlExecutor, incident: Incident): Promise<void> {
  const { tenantId, type, severity, summary, actor, episode = null } = incident;
  const details = JSON.stringify({ ...incident.details, ...(episode !== null && { episode }) });
  await query(
    executor,
    sql`INSERT INTO incident_audit (tenant_id, type, severity, summary, details, actor)
        SELECT ${tenantId}, ${type}, ${severity}, ${summary}, ${details}::jsonb, ${actor}
        WHERE ${episode}::text IS NULL OR NOT EXISTS (
          SELECT FROM incident_audit
          WHERE tenant_id = ${tenantId} AND type = ${type} AND details ->> 'episode' = ${episode}::text)
        RETURNING incident_id`,
  );
}
