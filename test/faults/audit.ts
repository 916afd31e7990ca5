import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import type { FileRow, Catalog } from './catalog.js';
import { keyOf, requestKeyOf, toSeenRow } from './events.js';
import type { RequestEntry } from './history.js';
import { settleTables } from './table-changer.js';
import { call, isOk } from './http.js';
import { readKeyedFinal } from './keyed-clients.js';
import { replayAll } from './operator.js';
import type { Random } from './random.js';
import { query, withAllTables, type QueryReply, type Selector } from './readers.js';
import { eventually } from './eventually.js';
import type { Stack } from './stack.js';
import type { Tenant, World } from './world.js';

const PARALLEL_FILES = 4;
const RECEIPTS_PER_TENANT = 25;

/** After everything has healed: what there is in the end, by every way to look at it. */
export async function auditWorld(
  world: World,
  catalog: Catalog,
  random: Random,
  what: { readonly healMs: number; readonly receipts: boolean },
): Promise<void> {
  const { healMs } = what;
  await settleTables(world);
  await replayAll(world, random);
  for (const tenant of world.tenants) {
    const clock = await untilPublished(world, catalog, tenant, healMs);
    const selector = clock > 0 ? { token: clock } : {};
    const answer = await finalRows(world.stack, withAllTables(tenant), selector, healMs);
    if (answer === undefined) {
      world.record({
        e: 'stuck',
        what: `${tenant.id} could not be read at token ${clock} after everything had healed`,
      });
      continue;
    }
    world.record({
      e: 'final',
      tenant: tenant.id,
      snapshot: answer.snapshot_id,
      watermark: answer.max_visibility_token,
      clock,
      rows: answer.rows.map(toSeenRow),
    });
    if (tenant.brief !== undefined) await readKeyedFinal(world, tenant, clock, healMs);
    const letters = await catalog.deadLetters(tenant.id);
    world.record({ e: 'dead-letters', tenant: tenant.id, letters });
    if (what.receipts) await auditReceipts(world, tenant, random, healMs);
    world.record({ e: 'chain', tenant: tenant.id, snapshots: await catalog.chain(tenant.id) });
    await auditFiles(world, tenant, await catalog.files(tenant.id));
  }
}

/** The clock, once the watermark has reached it. */
async function untilPublished(
  world: World,
  catalog: Catalog,
  tenant: Tenant,
  healMs: number,
): Promise<number> {
  let clock = 0;
  let published = 0;
  const done = await eventually(healMs, async () => {
    const [progress] = await catalog.progress([tenant.id]);
    if (progress === undefined) return false;
    ({ clock, published } = progress);
    return published === clock;
  });
  if (!done)
    world.record({
      e: 'stuck',
      what: `the watermark of ${tenant.id} stays at ${published}, its clock is ${clock}`,
    });
  return done ? clock : published;
}

/** All rows of the tenant, by whichever api answers. */
export async function finalRows(
  stack: Stack,
  tenant: Pick<Tenant, 'key' | 'tables'>,
  selector: Selector,
  healMs: number,
): Promise<QueryReply | undefined> {
  let answer: QueryReply | undefined;
  await eventually(
    healMs,
    async () => {
      const reply = await query(stack.nextApi(), tenant, selector);
      if (isOk(reply)) answer = reply.body;
      return answer !== undefined;
    },
    200,
  );
  return answer;
}

async function auditReceipts(world: World, tenant: Tenant, random: Random, healMs: number): Promise<void> {
  const all = [...tenant.acknowledged.values()];
  const plain = all.filter(
    ({ repeats, misfits, brief }) => repeats === undefined && misfits === undefined && brief !== true,
  );
  // Of the table that comes and goes only a receipt can tell what was discarded.
  const brief = all.filter((request) => request.brief === true);
  for (const request of [...random.shuffled(plain).slice(0, RECEIPTS_PER_TENANT), ...brief]) {
    const receipt = await receiptOf(world.stack, tenant, request, healMs);
    if (receipt === undefined)
      world.record({ e: 'stuck', what: `no receipt of request ${request.r} could be had` });
    else world.record({ e: 'receipt', r: request.r, ...receipt });
  }
}

interface Receipt {
  readonly state: string;
  readonly first: number | undefined;
  readonly last: number | undefined;
}

async function receiptOf(
  stack: Stack,
  tenant: Tenant,
  request: RequestEntry,
  healMs: number,
): Promise<Receipt | undefined> {
  const { r, table, count, keys } = request;
  let receipt: Receipt | undefined;
  await eventually(healMs, async () => {
    for (const api of stack.withRole('api')) {
      if (keys === 'request') {
        type Body = { state: string; first_visibility_token?: number; last_visibility_token?: number };
        const path = `/v1/ingest/${table}/receipts?request_key=${requestKeyOf(r)}`;
        const reply = await call<Body>(api, 'GET', path, tenant.key);
        if (!isOk(reply)) continue;
        const { state, first_visibility_token: first, last_visibility_token: last } = reply.body;
        receipt = { state, first, last };
        return true;
      }
      const ends = [0, count - 1].map((position) => keyOf({ tenant: tenant.id, request: r, position }));
      type Body = { receipts: { state: string; visibility_token?: number }[] };
      const reply = await call<Body>(api, 'POST', `/v1/ingest/${table}/receipts`, tenant.key, { keys: ends });
      if (!isOk(reply)) continue;
      const [head, tail] = reply.body.receipts;
      const state = head?.state === tail?.state ? head?.state : `${head?.state} and ${tail?.state}`;
      receipt = { state: String(state), first: head?.visibility_token, last: tail?.visibility_token };
      return true;
    }
    return false;
  });
  return receipt;
}

async function auditFiles(world: World, tenant: Tenant, rows: readonly FileRow[]): Promise<void> {
  const { servers, bucket } = world.stack;
  const { endpoint, accessKeyId, secretAccessKey } = servers.s3;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  try {
    const known = new Set(rows.map(({ path }) => path));
    for (const key of await listKeys(client, bucket, `tidemark/${tenant.id}/`)) {
      if (!known.has(key)) world.record({ e: 'stray', key });
    }
    const left = [...rows];
    const work = async (): Promise<void> => {
      for (let row = left.pop(); row !== undefined; row = left.pop()) {
        const found = await compare(client, bucket, row);
        world.record({ e: 'file', tenant: tenant.id, path: row.path, state: row.state, found });
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_FILES }, work));
  } finally {
    client.destroy();
  }
}

async function listKeys(client: S3Client, bucket: string, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        ...(after !== undefined && { StartAfter: after }),
      }),
    );
    keys.push(...(page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key])));
    if (page.IsTruncated !== true) return keys;
    after = keys.at(-1);
  }
}

async function compare(
  client: S3Client,
  bucket: string,
  row: FileRow,
): Promise<'right' | 'wrong' | 'missing'> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: row.path }));
      const bytes = await Body?.transformToByteArray();
      if (bytes === undefined) return 'missing';
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return bytes.length === row.size && sha256 === row.sha256 ? 'right' : 'wrong';
    } catch (error) {
      if ((error as Error).name === 'NoSuchKey') return 'missing';
      if (attempt === 5) throw error;
      await delay(200 * attempt);
    }
  }
}
