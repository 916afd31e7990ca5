import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

const WRITERS = 4;
const READERS = 3;
const RUN_MS = 6_000;
const BATCH_SIZES = [1, 7, 60, 3];

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await TestService.start();
  tenant = await service.createTenant();
  await createTable(tenant.tableAdmin, 'steps', [
    { name: 'writer', type: 'int', nullable: false },
    { name: 'step', type: 'int', nullable: false },
  ]);
});

afterAll(() => service.dispose());

/** A request that was acknowledged: the writer's steps below `end` are its and those of its requests before. */
interface Acknowledged {
  readonly writer: number;
  readonly end: number;
  readonly token: number;
}

it('shows every read with a token all that was acknowledged up to it, once', async () => {
  const acknowledged: Acknowledged[] = [];
  const stopAt = Date.now() + RUN_MS;
  let repeats = 0;
  let reads = 0;

  const write = async (writer: number) => {
    let end = 0;
    for (let request = 0; Date.now() < stopAt; request += 1) {
      const size = BATCH_SIZES[(request + writer) % BATCH_SIZES.length] ?? 1;
      const steps = Array.from({ length: size }, (_, i) => ({ writer, step: end + i }));
      // Odd writers cover the request by one key, even ones have a key for each record.
      const covered = writer % 2 === 1;
      const records = steps.map((payload) => ({
        payload,
        ...(!covered && { idempotency_key: `${writer}-${payload.step}` }),
      }));
      const send = () =>
        tenant.writer.ingest(
          'steps',
          { records },
          covered ? { 'Idempotency-Key': `${writer}/${request}` } : {},
        );
      const answer = expectOk(await send());
      expect(answer).toMatchObject({ accepted_count: size, duplicate_count: 0 });
      end += size;
      acknowledged.push({ writer, end, token: answer.max_visibility_token });
      if (request % 5 === 4) {
        const again = expectOk(await send());
        expect(again).toMatchObject({
          accepted_count: 0,
          duplicate_count: size,
          max_visibility_token: answer.max_visibility_token,
        });
        repeats += 1;
      }
    }
  };

  const read = async () => {
    while (Date.now() < stopAt) {
      const newest = acknowledged.at(-1);
      if (newest === undefined) {
        await tenant.reader.rows('SELECT 1');
        continue;
      }
      const due = acknowledged.filter(({ token }) => token <= newest.token);
      const rows = await tenant.reader.rows(
        'SELECT writer, count(*) AS rows, count(DISTINCT step) AS steps, max(step) AS last FROM steps GROUP BY writer',
        { min_visibility_token: newest.token, consistency_timeout_ms: 20_000 },
      );
      const seen = new Map(rows.map(([writer, ...counts]) => [writer, counts as number[]]));
      for (const [writer, [count, distinct, last]] of seen) {
        // A writer's steps have no gap, and none is there twice.
        expect({ writer, count, distinct }).toEqual({
          writer,
          count: (last ?? 0) + 1,
          distinct: (last ?? 0) + 1,
        });
      }
      for (const { writer, end } of due) expect(seen.get(writer)?.[0] ?? 0).toBeGreaterThanOrEqual(end);
      reads += 1;
    }
  };

  await Promise.all([
    ...Array.from({ length: WRITERS }, (_, writer) => write(writer)),
    ...Array.from({ length: READERS }, read),
  ]);

  const total = Array.from(
    { length: WRITERS },
    (_, w) => acknowledged.findLast(({ writer }) => writer === w)?.end ?? 0,
  );
  const token = Math.max(...acknowledged.map((each) => each.token));
  const rows = await tenant.reader.rows(
    'SELECT writer, count(*) FROM steps GROUP BY writer ORDER BY writer',
    { min_visibility_token: token },
  );
  expect(rows).toEqual(total.map((count, writer) => [writer, count]));
  expect(new Set(acknowledged.map((each) => each.token)).size).toBe(acknowledged.length);
  expect(reads).toBeGreaterThan(READERS);
  expect(repeats).toBeGreaterThan(0);
});

it('answers CONSISTENCY_TIMEOUT rather than read less', async () => {
  const { max_visibility_token } = expectOk(
    await tenant.writer.ingest('steps', {
      records: [{ idempotency_key: 'late', payload: { writer: 99, step: 0 } }],
    }),
  );
  const sql = 'SELECT count(*) FROM steps WHERE writer = 99';
  const answer = await tenant.reader.query(sql, {
    min_visibility_token: max_visibility_token,
    consistency_timeout_ms: 0,
  });
  if (answer.status === 200) expect(answer.body.rows).toEqual([[1]]);
  else
    expect(answer).toMatchObject({
      status: 504,
      body: { error_code: 'CONSISTENCY_TIMEOUT', retryable: true },
    });
  expect(await tenant.reader.rows(sql, { min_visibility_token: max_visibility_token })).toEqual([[1]]);
});
