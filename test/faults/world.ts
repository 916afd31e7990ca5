import type { Entry, History, RequestEntry } from './history.js';
import { call, isOk } from './http.js';
import { KEYED_TABLE } from './keyed-clients.js';
import { COLUMNS } from './events.js';
import type { Random } from './random.js';
import { eventually } from './eventually.js';
import { PLATFORM_KEY, type Stack } from './stack.js';
import type { ServiceProcess } from './service-process.js';

const SET_UP_MS = 60_000;

export interface Tenant {
  readonly id: string;
  readonly key: string;
  readonly tables: readonly string[];
  /** The table that comes and goes; undefined where the plan has none. */
  readonly brief: string | undefined;
  /** Requests that were acknowledged. */
  readonly acknowledged: Map<number, RequestEntry>;
  /** The highest token that a writer was answered. */
  token: number;
  /** Snapshots that a reader was answered. */
  readonly snapshots: number[];
}

/** Counts on through all rounds of a run, so that a number names one request, attempt or read. */
export class Counters {
  requests = 0;
  attempts = 0;
  reads = 0;
}

/** What writers, readers and the nemesis of one round share. */
export class World {
  readonly stack: Stack;
  readonly tenants: readonly Tenant[];
  readonly counters: Counters;
  /** Set when the faults are over: writers finish what they have begun. */
  stopping = false;
  /** What is not answered by then never will be (performance.now). */
  giveUpAt = Infinity;
  private readonly history: History;

  private constructor(stack: Stack, tenants: readonly Tenant[], counters: Counters, history: History) {
    this.stack = stack;
    this.tenants = tenants;
    this.counters = counters;
    this.history = history;
  }

  /** Makes new tenants with their tables, through whatever faults there are. */
  static async create(
    stack: Stack,
    names: {
      readonly round: string;
      readonly tenants: number;
      readonly tables: number;
      readonly brief?: boolean;
    },
    counters: Counters,
    history: History,
  ): Promise<World> {
    const tenants: Tenant[] = [];
    for (let t = 0; t < names.tenants; t += 1) {
      const tables = Array.from({ length: names.tables }, (_, n) => `t${n}`);
      const id = `${names.round}-${String.fromCharCode(97 + t)}`;
      const brief = names.brief === true ? 'brief' : undefined;
      const key = await createTenant(stack, id, brief === undefined ? tables : [...tables, brief]);
      if (brief !== undefined) await insist(stack, 'the keyed table', '/v1/tables', key, KEYED_TABLE);
      tenants.push({ id, key, tables, brief, acknowledged: new Map(), token: 0, snapshots: [] });
    }
    return new World(stack, tenants, counters, history);
  }

  record(entry: Entry): void {
    this.history.add(entry);
  }

  /** A writer was answered. */
  acknowledged(request: RequestEntry, token: number): void {
    const tenant = this.tenants.find(({ id }) => id === request.tenant);
    if (tenant === undefined) return;
    tenant.token = Math.max(tenant.token, token);
    tenant.acknowledged.set(request.r, request);
  }

  anApi(random: Random): ServiceProcess {
    return random.pick(this.stack.withRole('api'));
  }
}

/** Answers a key with all roles. */
async function createTenant(stack: Stack, id: string, tables: readonly string[]): Promise<string> {
  await insist(stack, `tenant ${id}`, '/v1/tenants', PLATFORM_KEY, { tenant_id: id });
  const roles = ['ingest_writer', 'query_reader', 'table_admin', 'ops_admin'];
  const body = await insist(stack, `a key of ${id}`, `/v1/tenants/${id}/keys`, PLATFORM_KEY, {
    name: 'all',
    roles,
  });
  const key = String(body.key);
  for (const table of tables) {
    await insist(stack, `table ${table}`, '/v1/tables', key, {
      table_name: table,
      schema: { columns: COLUMNS },
    });
  }
  return key;
}

/** Until it is made; where an earlier attempt made it, whose answer was lost, that counts. */
async function insist(
  stack: Stack,
  what: string,
  path: string,
  key: string,
  json: unknown,
): Promise<Record<string, unknown>> {
  let made: Record<string, unknown> | undefined;
  let said = '';
  await eventually(
    SET_UP_MS,
    async () => {
      const reply = await call(stack.nextApi(), 'POST', path, key, json);
      said = `${reply.status} ${JSON.stringify(reply.body)}`;
      if (isOk(reply) || reply.status === 409) made = reply.body;
      return made !== undefined;
    },
    200,
  );
  if (made === undefined) throw new Error(`${what} could not be made within ${SET_UP_MS} ms: ${said}`);
  return made;
}
