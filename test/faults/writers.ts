import { setTimeout as delay } from 'node:timers/promises';
import { keyOf, misfitKeyOf, OVERSIZE, payloadOf, requestKeyOf } from './events.js';
import type { Entry, RequestEntry } from './history.js';
import { call, isOk, isPassing, type Api } from './http.js';
import type { Random } from './random.js';

/** What a writer sends, as shares of its requests; sizes as [share, least, most]. */
export interface WriterPlan {
  readonly sizes: readonly (readonly [number, number, number])[];
  readonly perRequestKeys: number;
  readonly waits: number;
  /** The same request again after its answer. */
  readonly resends: number;
  /** A request that another process had acknowledged, as it was. */
  readonly echoes: number;
  /** The same request to two processes at once. */
  readonly twins: number;
  /** New records together with acknowledged ones. */
  readonly overlaps: number;
  /** With records that do not fit, for the dead letters. */
  readonly misfits: number;
  /** To the table that comes and goes, where there is one. */
  readonly brief: number;
  /** A key that was used for other content. */
  readonly abuses: number;
  /** After a lost answer: goes on to the next, and never knows. */
  readonly abandons: number;
  /** Between two requests. */
  readonly pauseMs: readonly [number, number];
}

const RETRY_MS = [50, 400] as const;
const WAIT_MS = 8_000;
const RECENT = 40;

/** A tenant as writers know it. */
export interface TargetTenant {
  readonly id: string;
  readonly key: string;
  readonly tables: readonly string[];
  readonly brief: string | undefined;
  /** Requests that were acknowledged, to whichever process. */
  readonly acknowledged: RequestEntry[];
  /** Those of other processes. */
  readonly others: RequestEntry[];
}

/** What the writers of a process share. */
export interface WriterScene {
  readonly tenants: readonly TargetTenant[];
  readonly apis: readonly Api[];
  /** Set when the faults are over: writers finish what they have begun. */
  readonly stopping: boolean;
  /** What is not answered by then never will be (performance.now). */
  readonly giveUpAt: number;
  /** The numbers that were given last. */
  requests: number;
  attempts: number;
  record(entry: Entry): void;
  acknowledged(request: RequestEntry, token: number): void;
}

interface IngestReply {
  readonly accepted_count: number;
  readonly duplicate_count: number;
  readonly quarantined_count?: number;
  readonly max_visibility_token: number;
  readonly visible_snapshot_id?: number;
  readonly error_code?: string;
}

/** A client that writes one request after the other until the world stops, and retries until it has an answer. */
export async function runWriter(scene: WriterScene, plan: WriterPlan, random: Random): Promise<void> {
  while (!scene.stopping) {
    const tenant = random.pick(scene.tenants);
    const others = tenant.others.slice(-RECENT);
    if (others.length > 0 && random.chance(plan.echoes)) {
      await deliver(scene, tenant, random.pick(others), plan, random);
    } else {
      const request = makeRequest(scene, tenant, plan, random);
      scene.record(request);
      await deliver(scene, tenant, request, plan, random);
    }
    await delay(random.between(...plan.pauseMs));
  }
}

function makeRequest(
  scene: WriterScene,
  tenant: TargetTenant,
  plan: WriterPlan,
  random: Random,
): RequestEntry {
  const r = ++scene.requests;
  const table = random.pick(tenant.tables);
  const base = {
    e: 'request',
    r,
    tenant: tenant.id,
    table,
    count: sizeOf(plan, random),
    keys: random.chance(plan.perRequestKeys) ? 'request' : 'record',
    wait: random.chance(plan.waits),
  } as const;
  if (tenant.brief !== undefined && random.chance(plan.brief))
    return { ...base, table: tenant.brief, brief: true };
  if (random.chance(plan.misfits))
    return { ...base, misfits: random.between(1, 5), oversize: random.chance(0.7) };
  const earlier = tenant.acknowledged.slice(-RECENT).filter((known) => known.table === table);
  if (earlier.length === 0) return base;
  if (random.chance(plan.overlaps)) {
    const withKeys = earlier.filter(({ keys, repeats }) => keys === 'record' && repeats === undefined);
    if (withKeys.length > 0) {
      const original = random.pick(withKeys);
      return { ...base, repeats: { r: original.r, count: random.between(1, Math.min(original.count, 20)) } };
    }
  }
  if (random.chance(plan.abuses)) {
    const original = random.pick(earlier);
    return { ...base, count: random.between(1, 5), keys: original.keys, abuses: original.r };
  }
  return base;
}

function sizeOf(plan: WriterPlan, random: Random): number {
  let at = random.next();
  for (const [share, least, most] of plan.sizes) {
    if (at < share) return random.between(least, most);
    at -= share;
  }
  return 1;
}

async function deliver(
  scene: WriterScene,
  tenant: TargetTenant,
  request: RequestEntry,
  plan: WriterPlan,
  random: Random,
): Promise<void> {
  const apis = random.shuffled(scene.apis);
  const giveUp = random.chance(plan.abandons);
  const resend = random.chance(plan.resends);
  const sending = apis.slice(0, random.chance(plan.twins) ? 2 : 1);
  const outcomes = await Promise.all(sending.map((api) => attempt(scene, tenant, request, api)));
  let settled = outcomes.some((outcome) => outcome !== 'lost');
  for (let turn = 1; !settled; turn += 1) {
    if (giveUp) {
      scene.record({ e: 'abandoned', r: request.r });
      return;
    }
    if (performance.now() > scene.giveUpAt) {
      scene.record({
        e: 'stuck',
        what: `request ${request.r} of ${tenant.id} got no answer after everything had healed`,
      });
      return;
    }
    await delay(random.between(...RETRY_MS));
    const api = apis[turn % apis.length];
    if (api === undefined) return;
    settled = (await attempt(scene, tenant, request, api)) !== 'lost';
  }
  const last = apis.at(-1);
  if (resend && last !== undefined) await attempt(scene, tenant, request, last);
}

async function attempt(
  scene: WriterScene,
  tenant: TargetTenant,
  request: RequestEntry,
  api: Api,
): Promise<'answered' | 'refused' | 'lost'> {
  const { r } = request;
  const a = ++scene.attempts;
  scene.record({ e: 'attempt', a, r, api: api.name });
  try {
    const reply = await call<IngestReply>(
      api,
      'POST',
      `/v1/ingest/${request.table}`,
      tenant.key,
      bodyOf(request),
      request.keys === 'request' ? { 'idempotency-key': requestKeyOf(request.abuses ?? r) } : {},
    );
    if (isOk(reply)) {
      answered(scene, tenant, request, a, reply.body);
      return 'answered';
    }
    const code = String(reply.body.error_code);
    if (isPassing(reply)) {
      scene.record({ e: 'lost', a, r, why: `${reply.status} ${code}` });
      return 'lost';
    }
    scene.record({ e: 'refused', a, r, status: reply.status, code });
    return 'refused';
  } catch (error) {
    scene.record({ e: 'lost', a, r, why: (error as Error & { code?: string }).code ?? String(error) });
    return 'lost';
  }
}

function answered(
  scene: WriterScene,
  tenant: TargetTenant,
  request: RequestEntry,
  a: number,
  body: IngestReply,
): void {
  const { max_visibility_token: token, visible_snapshot_id: snapshot } = body;
  scene.record({
    e: 'answer',
    a,
    r: request.r,
    accepted: body.accepted_count,
    duplicates: body.duplicate_count,
    quarantined: body.quarantined_count ?? 0,
    token,
    ...(snapshot !== undefined && { snapshot }),
  });
  if (request.abuses !== undefined) return;
  if (!tenant.acknowledged.includes(request) && request.brief !== true) tenant.acknowledged.push(request);
  scene.acknowledged(request, token);
}

function bodyOf(request: RequestEntry): unknown {
  const { r, tenant, count, keys, wait, repeats, misfits = 0, oversize, abuses } = request;
  const repeated = Array.from({ length: repeats?.count ?? 0 }, (_, position) => {
    const event = { tenant, request: repeats?.r ?? 0, position };
    return { idempotency_key: keyOf(event), payload: payloadOf(event) };
  });
  const own = Array.from({ length: count }, (_, position) => {
    const event = { tenant, request: r, position };
    // The first record of one that misuses a key has another's key.
    const keyed = abuses !== undefined && position === 0 ? { ...event, request: abuses } : event;
    return {
      ...(keys === 'record' && { idempotency_key: keyOf(keyed) }),
      payload: payloadOf(event, abuses === undefined ? 0 : 1),
    };
  });
  const misfit = Array.from({ length: misfits }, (_, n) => ({
    ...(keys === 'record' && { idempotency_key: misfitKeyOf(r, n) }),
    payload: {
      ...payloadOf({ tenant, request: r, position: count + n }),
      ...(oversize === true ? { size: OVERSIZE } : { position: 'no number' }),
    },
  }));
  return {
    records: [...repeated, ...own, ...misfit],
    ...(misfits > 0 && { on_invalid: 'quarantine' }),
    ...(wait && { wait_for_visibility: true, visibility_timeout_ms: WAIT_MS }),
  };
}
