import { readFile } from 'node:fs/promises';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import {
  ConversionFault,
  EngineFailure,
  type WriteEngine,
  type WriteJob,
} from '../../src/modules/engine/index.js';
import { openCommitStage, type CommitStage, type CoordinatorParts } from '../support/commit.js';
import { until } from '../support/until.js';

const TENANT = 'acme';
const never = new AbortController().signal;

let stage: CommitStage;
let numbers: number;

beforeEach(async () => {
  stage = await openCommitStage();
  await stage.createTenant(TENANT);
  numbers = await stage.createTable(TENANT, 'numbers', 'long');
});
afterEach(() => stage.close());

const turn = (parts?: CoordinatorParts) => stage.coordinator(parts).runOnce(never);
const payload = (id: number): string => JSON.stringify({ id });
/** Ingest would refuse it: only something that went wrong inside can bring it into a body. */
const NOT_A_NUMBER = '{"id":"none"}';

/** A new coordinator for every turn: what it has learnt must be in the database. */
async function publishUpTo(token: number, parts?: CoordinatorParts): Promise<void> {
  await until(`the watermark to be ${token}`, 60_000, async () => {
    await stage.endPauses();
    await turn(parts);
    return (await stage.watermark(TENANT)) === token;
  });
}

interface DeadLetterRow {
  readonly token: number;
  readonly key: string;
  readonly record: string;
  readonly reason: string;
}
const deadLetters = () =>
  stage.dataSource.query<DeadLetterRow[]>(
    `SELECT token, convert_from(idempotency_key, 'UTF8') AS key, convert_from(payload, 'UTF8') AS record, reason
     FROM dead_letter ORDER BY token`,
  );
const incidents = (type: string) =>
  stage.dataSource.query<{ details: Record<string, unknown> }[]>(
    `SELECT details FROM incident_audit WHERE type = $1`,
    [type],
  );
const summaries = async () =>
  (
    await stage.dataSource.query<{ summary: Record<string, unknown> }[]>(
      `SELECT summary FROM snapshot WHERE operation = 'append' ORDER BY snapshot_id`,
    )
  ).map(({ summary }) => summary);
const engineWith = (before: (job: WriteJob) => void): Pick<WriteEngine, 'writeParquet'> => ({
  writeParquet: async (job, signal) => {
    before(job);
    return stage.engine.writeParquet(job, signal);
  },
});
const fails = (error: Error): never => {
  throw error;
};

describe('an event that can never be written', () => {
  it('goes to the dead letters with its reason, and the others are published once each', async () => {
    await stage.appendRaw(TENANT, numbers, payload(1), payload(2));
    const around = [payload(3), payload(4), NOT_A_NUMBER, payload(6), payload(7)];
    const middle = await stage.appendRaw(TENANT, numbers, ...around);
    const last = await stage.appendRaw(TENANT, numbers, payload(8));
    await publishUpTo(last);
    expect(await stage.ids(numbers)).toEqual(['1', '2', '3', '4', '6', '7', '8']);
    expect(await deadLetters()).toEqual([
      {
        token: middle - 2,
        key: 'k-5',
        record: expect.stringMatching(
          /^\{"op":"insert","event_time":".*Z","payload":\{"id":"none"\}\}$/,
        ) as string,
        // No path of this machine.
        reason: expect.stringMatching(/^Invalid Input Error: [^/]*none[^/]*$/) as string,
      },
    ]);
    expect((await incidents('dead_letters')).map(({ details }) => details)).toMatchObject([
      { count: 1, table_ids: [numbers], first_token: middle - 2 },
    ]);
    expect(await incidents('commit_failing')).toEqual([]);
    expect(await stage.openClaim(TENANT)).toBeUndefined();
  });

  it('does not hold up the tables beside it', async () => {
    const orders = await stage.createTable(TENANT, 'orders');
    await stage.append(TENANT, orders, 'a');
    await stage.appendRaw(TENANT, numbers, NOT_A_NUMBER);
    const last = await stage.append(TENANT, orders, 'b');
    // The only one of its table: nothing has to be split.
    await turn();
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await stage.ids(orders)).toEqual(['a', 'b']);
    expect(await deadLetters()).toMatchObject([{ token: last - 1 }]);
    expect(await summaries()).toEqual([{ added_files: 1, discarded_events: 0, dead_events: 1 }]);
  });

  it('is published over by a snapshot without files where nothing else is in the range', async () => {
    const last = await stage.appendRaw(TENANT, numbers, NOT_A_NUMBER);
    await turn();
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await stage.ids(numbers)).toEqual([]);
    expect(await summaries()).toEqual([{ added_files: 0, discarded_events: 0, dead_events: 1 }]);
  });

  it('is found among others like it', async () => {
    const payloads = Array.from({ length: 40 }, (_, n) => (n % 3 === 1 ? NOT_A_NUMBER : payload(n)));
    const last = await stage.appendRaw(TENANT, numbers, ...payloads);
    await publishUpTo(last);
    expect(await stage.ids(numbers)).toHaveLength(payloads.filter((text) => text !== NOT_A_NUMBER).length);
    expect((await deadLetters()).map(({ token }) => token)).toEqual(
      payloads.flatMap((text, n) => (text === NOT_A_NUMBER ? [n + 1] : [])),
    );
  });

  it('is found at once where its line is malformed, and the whole claim is published', async () => {
    const last = await stage.appendRaw(TENANT, numbers, payload(1), '{"id": not JSON}', payload(3));
    await turn();
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await stage.ids(numbers)).toEqual(['1', '3']);
    expect(await deadLetters()).toEqual([
      {
        token: 2,
        key: '',
        record: expect.stringContaining('{"id": not JSON}') as string,
        reason: 'its line in the body is malformed',
      },
    ]);
  });

  it.each<[string, (body: Buffer) => Buffer]>([
    ['is not compressed', () => Buffer.from('this is not a body')],
    ['is torn', (body) => body.subarray(0, body.length - 4)],
  ])('is every event of a body that %s, and no other', async (_, spoil) => {
    await stage.appendRaw(TENANT, numbers, payload(1));
    await stage.appendRaw(TENANT, numbers, payload(2), payload(3));
    const last = await stage.appendRaw(TENANT, numbers, payload(4));
    const [row] = await stage.dataSource.query<{ batch_id: number; body: Buffer }[]>(
      `SELECT batch_id, body FROM ingest_body JOIN ingest_batch USING (batch_id) WHERE first_token = 2`,
    );
    await stage.dataSource.query(`UPDATE ingest_body SET body = $2 WHERE batch_id = $1`, [
      row?.batch_id,
      spoil(row?.body ?? Buffer.alloc(0)),
    ]);
    await publishUpTo(last);
    expect(await stage.ids(numbers)).toEqual(['1', '4']);
    expect(await deadLetters()).toMatchObject([
      { token: 2, key: '', record: '', reason: 'the body cannot be decompressed' },
      { token: 3, key: '', record: '', reason: 'the body cannot be decompressed' },
    ]);
  });

  it('is one that a body lacks', async () => {
    const last = await stage.appendRaw(TENANT, numbers, payload(1), payload(2), payload(3));
    const [batch] = await stage.dataSource.query<{ batch_id: number }[]>(`SELECT batch_id FROM ingest_batch`);
    const lines = [0, 2].map((o) =>
      JSON.stringify({ b: batch?.batch_id, o, op: 'insert', k: `k${o}`, p: { id: o + 1 } }),
    );
    await stage.dataSource.query(`UPDATE ingest_body SET body = $1`, [
      zstdCompressSync(`${lines.join('\n')}\n`),
    ]);
    await publishUpTo(last);
    expect(await stage.ids(numbers)).toEqual(['1', '3']);
    expect(await deadLetters()).toMatchObject([{ token: 2, reason: 'the body has no line for it' }]);
  });

  it('is one whose line claims the place of another', async () => {
    const last = await stage.appendRaw(TENANT, numbers, payload(1), payload(2), payload(3));
    const [batch] = await stage.dataSource.query<{ batch_id: number }[]>(`SELECT batch_id FROM ingest_batch`);
    const lines = [0, 99, 2].map((o, n) =>
      JSON.stringify({ b: batch?.batch_id, o, op: 'insert', k: `k${n}`, p: { id: n + 1 } }),
    );
    await stage.dataSource.query(`UPDATE ingest_body SET body = $1`, [
      zstdCompressSync(`${lines.join('\n')}\n`),
    ]);
    await publishUpTo(last);
    expect(await stage.ids(numbers)).toEqual(['1', '3']);
    expect(await deadLetters()).toMatchObject([
      { token: 2, key: 'k1', reason: 'the body has another event in its place' },
    ]);
  });

  it('is one under which the engine dies again and again while another gets through', async () => {
    const killer = '{"id":666}';
    await stage.appendRaw(TENANT, numbers, payload(1), payload(2), killer, payload(4));
    const last = await stage.appendRaw(TENANT, numbers, payload(5));
    const dying: Pick<WriteEngine, 'writeParquet'> = {
      writeParquet: async (job, signal) => {
        for (const { bodyFile } of job.inputs) {
          // Frames that follow one another are one text.
          if (zstdDecompressSync(await readFile(bodyFile)).includes('666'))
            throw new EngineFailure('died', 'the write-child ended (SIGKILL)');
        }
        return stage.engine.writeParquet(job, signal);
      },
    };
    await publishUpTo(last, { engine: dying });
    expect(await stage.ids(numbers)).toEqual(['1', '2', '4', '5']);
    expect(await deadLetters()).toMatchObject([
      { token: 3, key: 'k-3', reason: 'the engine does not survive it: the write-child ended (SIGKILL)' },
    ]);
  });
});

describe('two coordinators that find the same dead event', () => {
  it('let one of them publish it', async () => {
    await stage.appendRaw(TENANT, numbers, payload(1));
    const last = await stage.appendRaw(TENANT, numbers, '{"id": not JSON}');
    let overtaken = false;
    const slow: Pick<WriteEngine, 'writeParquet'> = {
      writeParquet: async (job, signal) => {
        const write = () => stage.engine.writeParquet(job, signal);
        // Found out what is dead, and writes the rest: now the lease is lost, and another is quicker.
        if (job.expectedRows === 2 || overtaken) return write();
        overtaken = true;
        await stage.dataSource.query(
          `UPDATE ingest_claim_batch SET lease_until = clock_timestamp() - interval '1 s'`,
        );
        await turn();
        expect(await stage.watermark(TENANT)).toBe(last);
        return write();
      },
    };
    await turn({ engine: slow });
    expect(overtaken).toBe(true);
    expect(await stage.ids(numbers)).toEqual(['1']);
    expect(await deadLetters()).toHaveLength(1);
    expect(await incidents('dead_letters')).toHaveLength(1);
    expect(await stage.openClaim(TENANT)).toBeUndefined();
  });

  it('wait for each other on the way to the head, and do not lock each other out', async () => {
    const dead = [payload(1), '{"id": not JSON}', payload(3), '{', payload(5)];
    const last = await stage.appendRaw(TENANT, numbers, ...dead);
    // Nobody holds a lease for longer than a statement.
    await Promise.all([1, 2, 3].map(() => turn({ leaseMs: 1 })));
    await publishUpTo(last);
    expect(await stage.ids(numbers)).toEqual(['1', '3', '5']);
    expect((await deadLetters()).map(({ token }) => token)).toEqual([2, 4]);
  });
});

describe('a fault of the infrastructure', () => {
  const TRIES = 8;
  /** More turns than a split down to one event, and the tries of that event, would take. */
  const tryManyTimes = async (parts: CoordinatorParts) => {
    for (let n = 0; n < TRIES; n++) {
      await stage.endPauses();
      await turn(parts);
    }
  };
  const away = () => Promise.reject(new Error('the store is away'));
  const storeAway = () =>
    Object.assign(Object.create(stage.store) as CommitStage['store'], { putFile: away });

  it.each<[string, () => CoordinatorParts]>([
    ['the object store is away', () => ({ store: storeAway() })],
    [
      'the disk is full',
      () => ({ engine: engineWith(() => fails(new EngineFailure('io', 'No space left on device'))) }),
    ],
    [
      'no engine child lives',
      () => ({ engine: engineWith(() => fails(new EngineFailure('died', 'SIGKILL'))) }),
    ],
    [
      'the engine has no memory',
      () => ({ engine: engineWith(() => fails(new EngineFailure('memory', 'out of memory'))) }),
    ],
    [
      'the engine is broken',
      () => ({ engine: engineWith(() => fails(new EngineFailure('internal', 'INTERNAL Error'))) }),
    ],
    [
      'a child does not start',
      () => ({ engine: engineWith(() => fails(new EngineFailure('timeout', 'not ready'))) }),
    ],
  ])('kills no event where %s, however often it is tried, and is one incident', async (_, parts) => {
    const last = await stage.appendRaw(TENANT, numbers, payload(1), payload(2));
    await tryManyTimes(parts());
    expect(await stage.watermark(TENANT)).toBe(0);
    expect(await deadLetters()).toEqual([]);
    expect(await stage.openClaim(TENANT)).toMatchObject({ state: 'waiting', attempt: TRIES });
    expect(await incidents('commit_failing')).toHaveLength(1);
    await publishUpTo(last);
    expect(await stage.ids(numbers)).toEqual(['1', '2']);
    expect(await deadLetters()).toEqual([]);
  });

  it('is an incident where leases run out without a word, one for all of them', async () => {
    await stage.appendRaw(TENANT, numbers, payload(1));
    const silent = { maxRows: 10, maxBytes: 1000 };
    for (let n = 0; n < 4; n++) await stage.bus.claim(TENANT, `dying-${n}`, silent, 0);
    expect(await incidents('commit_failing')).toEqual([]);
    await turn();
    expect(await stage.ids(numbers)).toEqual(['1']);
    expect(await incidents('commit_failing')).toMatchObject([
      { details: { cause: 'the leases on it ran out' } },
    ]);
  });

  it('is an incident where a tenant cannot be claimed, one for all tries of a process', async () => {
    await stage.appendRaw(TENANT, numbers, payload(1));
    await stage.appendRaw(TENANT, numbers, payload(2));
    await stage.dataSource.query(`DELETE FROM ingest_batch WHERE first_token = 1`);
    const coordinator = stage.coordinator();
    await until('an incident', 30_000, async () => {
      await coordinator.runOnce(never);
      return (await incidents('commit_failing')).length > 0;
    });
    await until('another try', 30_000, async () => coordinator.runOnce(never));
    expect(await incidents('commit_failing')).toMatchObject([
      { details: { cause: expect.stringContaining('the bus has a hole') as string } },
    ]);
  });

  it('kills no event that the engine fails on once, or on which nothing gets through', async () => {
    const last = await stage.appendRaw(TENANT, numbers, payload(1));
    let tries = 0;
    const once = engineWith(() => {
      tries += 1;
      if (tries === 1) throw new ConversionFault('once');
    });
    await publishUpTo(last, { engine: once });
    expect(tries).toBe(2);
    await stage.appendRaw(TENANT, numbers, payload(2));
    await tryManyTimes({ engine: engineWith(() => fails(new ConversionFault('always'))) });
    expect(await stage.watermark(TENANT)).toBe(last);
    expect(await deadLetters()).toEqual([]);
  });

  it('takes no attempt of an event away that is at fault itself', async () => {
    const last = await stage.appendRaw(TENANT, numbers, payload(1), NOT_A_NUMBER, payload(3));
    await tryManyTimes({ store: storeAway() });
    // The first event was written and could not be stored; the second is not alone yet.
    expect(await stage.watermark(TENANT)).toBe(0);
    expect(await deadLetters()).toEqual([]);
    await publishUpTo(last);
    expect(await stage.ids(numbers)).toEqual(['1', '3']);
    expect(await deadLetters()).toHaveLength(1);
  });
});

describe('a split', () => {
  it('is bounded by what is kept with the claim, not in the process, and grows again', async () => {
    const last = await stage.appendRaw(TENANT, numbers, ...Array.from({ length: 32 }, (_, n) => payload(n)));
    const sizes: number[] = [];
    const picky = engineWith((job) => {
      sizes.push(job.expectedRows ?? 0);
      if (sizes.length <= 3) throw new ConversionFault('no');
    });
    await publishUpTo(last, { engine: picky });
    expect(sizes).toEqual([32, 16, 8, 4, 8, 16, 4]);
    expect(await stage.ids(numbers)).toHaveLength(32);
    expect(await deadLetters()).toEqual([]);
  });
});
