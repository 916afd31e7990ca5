import { setTimeout as delay } from 'node:timers/promises';
import { call, isOk, isPassing, type Reply } from './http.js';
import type { Random } from './random.js';
import type { Tenant, World } from './world.js';

const PAUSE_MS = [300, 1_500] as const;
const RETRY_MS = 150;

interface Change {
  readonly what: string;
  readonly method: 'PATCH' | 'POST' | 'DELETE';
  readonly path: string;
  readonly json?: unknown;
}

/**
 * One who changes tables while writers write: the table `brief` comes and goes; the others get columns that no writer
 * knows, lose them again, and have `size` widened, so that records that did not fit do.
 */
export async function runTableChanger(world: World, random: Random): Promise<void> {
  const columns = new Map<string, string[]>();
  for (let n = 0; !world.stopping; n += 1) {
    await delay(random.between(...PAUSE_MS));
    const tenant = random.pick(world.tenants);
    const change = random.chance(0.5) ? comeOrGo(tenant, random) : alteration(tenant, n, columns, random);
    if (change !== undefined) await insist(world, tenant, change);
  }
}

/** After the faults: the table that comes and goes can be read, and what was too large for a column fits. */
export async function settleTables(world: World): Promise<void> {
  for (const tenant of world.tenants) {
    if (tenant.brief === undefined) continue;
    await insist(world, tenant, undrop(tenant.brief));
    for (const table of tenant.tables) await insist(world, tenant, patchOf(table, 'column widened', WIDEN));
  }
}

const WIDEN = { op: 'change_type', name: 'size', type: 'long' };

const patchOf = (table: string, what: string, ...changes: unknown[]): Change => ({
  what,
  method: 'PATCH',
  path: `/v1/tables/${table}`,
  json: { changes },
});

const undrop = (table: string): Change => ({
  what: 'table undropped',
  method: 'POST',
  path: `/v1/tables/${table}/undrop`,
  json: {},
});

function comeOrGo({ brief }: Tenant, random: Random): Change | undefined {
  if (brief === undefined) return undefined;
  return random.chance(0.5)
    ? undrop(brief)
    : { what: 'table dropped', method: 'DELETE', path: `/v1/tables/${brief}` };
}

function alteration(
  { id, tables }: Tenant,
  n: number,
  columns: Map<string, string[]>,
  random: Random,
): Change {
  const table = random.pick(tables);
  const known = columns.get(`${id}.${table}`) ?? [];
  columns.set(`${id}.${table}`, known);
  const patch = (what: string, change: unknown): Change => patchOf(table, what, change);
  const how = random.next();
  if (how < 0.15) return patch('column widened', WIDEN);
  const last = known.at(-1);
  if (how < 0.5 && last !== undefined) {
    known.pop();
    return patch('column dropped', { op: 'drop_column', name: last });
  }
  if (how < 0.7 && last !== undefined) {
    known[known.length - 1] = `renamed_${n}`;
    return patch('column renamed', { op: 'rename_column', from: last, to: `renamed_${n}` });
  }
  known.push(`extra_${n}`);
  return patch('column added', { op: 'add_column', column: { name: `extra_${n}`, type: 'string' } });
}

/** Until it is answered. One whose first answer was lost may be refused the second time, since it is made. */
async function insist(world: World, tenant: Tenant, change: Change): Promise<void> {
  const { what, method, path, json } = change;
  while (performance.now() < world.giveUpAt) {
    const sent = call(world.stack.nextApi(), method, path, tenant.key, json);
    const reply = await sent.catch((): Reply => ({ status: 503, body: {} }));
    if (isOk(reply)) world.record({ e: 'change', tenant: tenant.id, what });
    if (!isPassing(reply)) return;
    await delay(RETRY_MS);
  }
}
