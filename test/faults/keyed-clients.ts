import { setTimeout as delay } from 'node:timers/promises';
import type { KeyedOp, KeyedRow } from './history.js';
import { call, isOk, isPassing, type Api } from './http.js';
import type { Random } from './random.js';
import { eventually } from './eventually.js';
import type { Tenant, World } from './world.js';

/** A table with a primary key, of which every tenant of a round with changes has one. */
export const KEYED_TABLE = {
  table_name: 'keyed',
  primary_key_cols: ['k'],
  schema: {
    columns: [
      { name: 'k', type: 'int', nullable: false },
      { name: 'request', type: 'long' },
      { name: 'position', type: 'int' },
    ],
  },
} as const;

/** Few, so that most operations meet a row that is there. */
const KEYS = 200;
const PAUSE_MS = [20, 300] as const;
const RETRY_MS = [50, 400] as const;
const CONSISTENCY_MS = 8_000;
const SQL = `SELECT k, request, position, _visibility_token FROM ${KEYED_TABLE.table_name} ORDER BY k`;

/** A client that upserts and deletes the same keys as all others, until the world stops. Every request is answered. */
export async function runKeyedWriter(world: World, random: Random): Promise<void> {
  while (!world.stopping) {
    const tenant = random.pick(world.tenants);
    const r = ++world.counters.requests;
    const count = random.chance(0.7) ? random.between(1, 5) : random.between(20, 100);
    const ops = Array.from({ length: count }, (): KeyedOp => [
      random.between(1, KEYS),
      random.chance(0.7) ? 'upsert' : 'delete',
    ]);
    world.record({ e: 'keyed-request', r, tenant: tenant.id, ops });
    await deliver(world, tenant, r, ops, random);
    await delay(random.between(...PAUSE_MS));
  }
}

async function deliver(
  world: World,
  tenant: Tenant,
  r: number,
  ops: readonly KeyedOp[],
  random: Random,
): Promise<void> {
  const records = ops.map(([k, op], position) => ({
    op,
    payload: op === 'upsert' ? { k, request: r, position } : { k },
  }));
  while (performance.now() < world.giveUpAt) {
    try {
      const reply = await call<{ max_visibility_token: number; error_code?: string }>(
        world.anApi(random),
        'POST',
        `/v1/ingest/${KEYED_TABLE.table_name}`,
        tenant.key,
        { records },
        { 'idempotency-key': `keyed-${r}` },
      );
      if (isOk(reply)) {
        world.record({ e: 'keyed-answer', r, tenant: tenant.id, token: reply.body.max_visibility_token });
        tenant.token = Math.max(tenant.token, reply.body.max_visibility_token);
        return;
      }
      if (!isPassing(reply)) break;
    } catch {
      // Not known: sent again.
    }
    await delay(random.between(...RETRY_MS));
  }
  world.record({ e: 'stuck', what: `keyed request ${r} of ${tenant.id} was not taken` });
}

/** A client that reads the rows of the keyed table: the latest, at a token, or in a snapshot that was answered before. */
export async function runKeyedReader(world: World, random: Random): Promise<void> {
  while (!world.stopping) {
    const tenant = random.pick(world.tenants);
    const how = random.next();
    const asked =
      how < 0.5 && tenant.token > 0
        ? { token: tenant.token }
        : how < 0.75 && tenant.snapshots.length > 0
          ? { snapshot: random.pick(tenant.snapshots.slice(-KEYS)) }
          : {};
    await readKeyed(world, tenant, world.anApi(random), asked).catch(() => false);
    await delay(random.between(...PAUSE_MS));
  }
}

/** In the end, at the token. */
export async function readKeyedFinal(
  world: World,
  tenant: Tenant,
  token: number,
  healMs: number,
): Promise<void> {
  const done = await eventually(healMs, () => readKeyed(world, tenant, world.stack.nextApi(), { token }));
  if (!done) world.record({ e: 'stuck', what: `the keyed table of ${tenant.id} could not be read` });
}

async function readKeyed(
  world: World,
  tenant: Tenant,
  api: Api,
  asked: { readonly token?: number; readonly snapshot?: number },
): Promise<boolean> {
  const reply = await call<{
    rows: readonly (readonly unknown[])[];
    snapshot_id: number;
    max_visibility_token: number;
  }>(api, 'POST', '/v1/query', tenant.key, {
    sql: SQL,
    ...(asked.token !== undefined && {
      min_visibility_token: asked.token,
      consistency_timeout_ms: CONSISTENCY_MS,
    }),
    ...(asked.snapshot !== undefined && { snapshot_id: asked.snapshot }),
  });
  if (!isOk(reply)) return false;
  const { snapshot_id: snapshot, max_visibility_token: watermark, rows } = reply.body;
  world.record({
    e: 'keyed-rows',
    tenant: tenant.id,
    asked,
    snapshot,
    watermark,
    rows: rows.map((row): KeyedRow => [Number(row[0]), Number(row[1]), Number(row[2]), Number(row[3])]),
  });
  return true;
}
