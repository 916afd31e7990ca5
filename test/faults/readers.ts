import { setTimeout as delay } from 'node:timers/promises';
import { auditSql, toSeenRow } from './events.js';
import { call, isOk } from './http.js';
import type { Random } from './random.js';
import type { Tenant, World } from './world.js';
import type { ServiceProcess } from './service-process.js';

export interface ReaderPlan {
  /** Shares of reads with a token, and of those on a snapshot that was answered before. */
  readonly withToken: number;
  readonly onSnapshot: number;
  /** Reads that want the table that comes and goes too, where there is one. */
  readonly withBrief: number;
  readonly pauseMs: readonly [number, number];
}

const CONSISTENCY_MS = 8_000;
const RECENT = 60;

export interface QueryReply {
  readonly rows: readonly (readonly unknown[])[];
  readonly snapshot_id: number;
  readonly max_visibility_token: number;
  readonly error_code?: string;
}

/** A client that reads all tables of a tenant at one snapshot, again and again, until the world stops. */
export async function runReader(world: World, plan: ReaderPlan, random: Random): Promise<void> {
  while (!world.stopping) {
    const tenant = random.pick(world.tenants);
    const brief = tenant.brief !== undefined && random.chance(plan.withBrief);
    await read(world, tenant, selectorOf(tenant, plan, random), brief, world.anApi(random));
    await delay(random.between(...plan.pauseMs));
  }
}

/** Which snapshot a read asks for; the latest where it says nothing. */
export type Selector = { readonly token: number } | { readonly snapshot: number } | Record<string, never>;

function selectorOf(tenant: Tenant, plan: ReaderPlan, random: Random): Selector {
  const how = random.next();
  if (how < plan.withToken && tenant.token > 0)
    return { token: random.chance(0.6) ? tenant.token : random.between(1, tenant.token) };
  const known = tenant.snapshots.slice(-RECENT);
  if (how > 1 - plan.onSnapshot && known.length > 0) return { snapshot: random.pick(known) };
  return {};
}

async function read(
  world: World,
  tenant: Tenant,
  selector: Selector,
  brief: boolean,
  api: ServiceProcess,
): Promise<void> {
  const q = ++world.counters.reads;
  world.record({ e: 'read', q, tenant: tenant.id, ...selector, ...(brief && { brief }) });
  try {
    const reply = await query(api, brief ? withAllTables(tenant) : tenant, selector);
    if (!isOk(reply)) {
      world.record({ e: 'no-rows', q, status: reply.status, code: String(reply.body.error_code) });
      return;
    }
    const { snapshot_id: snapshot, max_visibility_token: watermark, rows } = reply.body;
    world.record({ e: 'rows', q, snapshot, watermark, rows: rows.map(toSeenRow) });
    if (!tenant.snapshots.includes(snapshot)) tenant.snapshots.push(snapshot);
  } catch (error) {
    world.record({
      e: 'no-rows',
      q,
      status: 0,
      code: (error as Error & { code?: string }).code ?? String(error),
    });
  }
}

/** Its tables and the one that comes and goes. */
export const withAllTables = <T extends Pick<Tenant, 'tables' | 'brief'>>(tenant: T): T => ({
  ...tenant,
  tables: tenant.brief === undefined ? tenant.tables : [...tenant.tables, tenant.brief],
});

/** All events of all tables, told by request. */
export function query(
  api: ServiceProcess,
  tenant: Pick<Tenant, 'key' | 'tables'>,
  selector: Selector,
): Promise<{ status: number; body: QueryReply }> {
  return call<QueryReply>(api, 'POST', '/v1/query', tenant.key, {
    sql: auditSql(tenant.tables),
    row_limit: 100_000,
    ...('token' in selector && {
      min_visibility_token: selector.token,
      consistency_timeout_ms: CONSISTENCY_MS,
    }),
    ...('snapshot' in selector && { snapshot_id: selector.snapshot }),
  });
}
