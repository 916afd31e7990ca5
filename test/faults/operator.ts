import { setTimeout as delay } from 'node:timers/promises';
import { call, isOk } from './http.js';
import type { Random } from './random.js';
import { eventually } from './eventually.js';
import type { World } from './world.js';

const PAUSE_MS = [400, 1_500] as const;
const AT_ONCE = 10;
/** A call whose answer was lost is sent again: it must say the same. */
const TRIES = 4;
const SETTLE_MS = 20_000;

interface LetterList {
  readonly dead_letters?: readonly { readonly dead_letter_id: number }[];
}

interface Outcome {
  readonly dead_letter_id: number;
  readonly state: string;
  readonly visibility_token?: number;
}

/** One who tries dead letters again, and gives some up. */
export async function runOperator(world: World, random: Random): Promise<void> {
  while (!world.stopping) {
    await delay(random.between(...PAUSE_MS));
    const tenant = random.pick(world.tenants);
    const api = world.anApi(random);
    try {
      const path = '/v1/dead-letters?state=dead&limit=100';
      const reply = await call<LetterList>(api, 'GET', path, tenant.key);
      const known = (reply.body.dead_letters ?? []).map((letter) => letter.dead_letter_id);
      if (!isOk(reply) || known.length === 0) continue;
      const ids = random.shuffled(known).slice(0, random.between(1, AT_ONCE));
      await resolve(world, tenant, random.chance(0.85) ? 'replay' : 'discard', ids, random);
    } catch {
      // Looked at again in the next turn.
    }
  }
}

/** After the faults: what is dead is tried once more, up to a page of it, and what fits by now must come back. */
export async function replayAll(world: World, random: Random): Promise<void> {
  for (const tenant of world.tenants) {
    const ids: number[] = [];
    const listed = await eventually(SETTLE_MS, async () => {
      const path = '/v1/dead-letters?state=dead&limit=500';
      const reply = await call<LetterList>(world.anApi(random), 'GET', path, tenant.key);
      ids.push(...(reply.body.dead_letters ?? []).map((letter) => letter.dead_letter_id));
      return isOk(reply);
    });
    if (!listed) world.record({ e: 'stuck', what: `the dead letters of ${tenant.id} could not be listed` });
    if (ids.length > 0) await resolve(world, tenant, 'replay', ids, random);
  }
}

async function resolve(
  world: World,
  tenant: { readonly id: string; readonly key: string },
  action: 'replay' | 'discard',
  ids: readonly number[],
  random: Random,
): Promise<void> {
  world.record({ e: 'resolve', tenant: tenant.id, action, ids });
  // Some are sent again although they were answered.
  let again = random.chance(0.2);
  for (let turn = 0; turn < TRIES; turn += 1) {
    try {
      const reply = await call<{ results?: Outcome[] }>(
        world.anApi(random),
        'POST',
        `/v1/dead-letters/${action}`,
        tenant.key,
        { ids },
      );
      if (!isOk(reply)) continue;
      for (const { dead_letter_id: id, state, visibility_token: token } of reply.body.results ?? [])
        world.record({ e: 'resolved', tenant: tenant.id, id, state, ...(token !== undefined && { token }) });
      if (!again) return;
      again = false;
    } catch {
      await delay(100);
    }
  }
}
