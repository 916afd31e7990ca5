import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

interface DeadLetter {
  readonly dead_letter_id: number;
  readonly state: string;
  readonly idempotency_key: string;
  readonly visibility_token: number;
  readonly reason: string;
}
interface Outcomes {
  readonly results: readonly {
    readonly dead_letter_id: number;
    readonly state: string;
    readonly visibility_token?: number;
    readonly reason?: string;
  }[];
}

/** Nothing is committed before somebody waits for it. */
const LATE = { TIDEMARK_COMMIT_MAX_DELAY_MS: '600000' };

let database: TestDatabase;
let sql: pg.Client;
let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  service = await TestService.start({ databaseUrl: database.url, env: LATE });
  tenant = await service.createTenant();
  await createTable(tenant.tableAdmin, 'numbers', [{ name: 'n', type: 'long', nullable: false }]);
});
afterAll(async () => {
  await service.dispose();
  await sql.end();
  await database.drop();
});

const record = (n: unknown) => ({ idempotency_key: `key-${String(n)}`, payload: { n } });
const receipts = async (...keys: string[]) =>
  expectOk(await tenant.writer.post<{ receipts: unknown[] }>('/v1/ingest/numbers/receipts', { keys }))
    .receipts;
const deadLetters = async (query = '') =>
  expectOk(await tenant.admin.get<{ dead_letters: DeadLetter[] }>(`/v1/dead-letters${query}`)).dead_letters;
const rows = async (token: number) =>
  (await tenant.reader.rows('SELECT n FROM numbers ORDER BY n', { min_visibility_token: token })).flat();

/** Clients cannot make an event that the coordinator cannot read, so the test spoils stored lines. */
async function spoil(change: (line: string, position: number) => string): Promise<void> {
  const { rows: bodies } = await sql.query<{ batch_id: string; body: Buffer }>(
    'SELECT batch_id, body FROM ingest_body ORDER BY batch_id',
  );
  const last = bodies.at(-1);
  if (last === undefined) throw new Error('there is no body');
  const lines = zstdDecompressSync(last.body).toString().trimEnd().split('\n');
  const body = zstdCompressSync(`${lines.map(change).join('\n')}\n`);
  await sql.query('UPDATE ingest_body SET body = $2 WHERE batch_id = $1', [last.batch_id, body]);
}

describe('events that cannot be written', () => {
  it('are taken out of the way of the others, told of, replayed or discarded', async () => {
    const numbers = [1, 2, 3, 4, 5, 6];
    const { max_visibility_token: last } = expectOk(
      await tenant.writer.ingest('numbers', { records: numbers.map(record) }),
    );
    // One that no engine converts, one that is no JSON any more, one with the place of another.
    await spoil((line, position) => {
      if (position === 1) return line.replace('{"n":2}', '{"n":"two"}');
      if (position === 3) return line.slice(0, -1);
      return position === 4 ? line.replace('"o":4', '"o":99') : line;
    });
    const written = await tenant.writer.ingest('numbers', {
      records: [record(7)],
      wait_for_visibility: true,
    });
    expect(written).toMatchObject({ status: 200, body: { status: 'visible' } });
    expect(await rows(written.body.max_visibility_token)).toEqual([1, 3, 6, 7]);
    expect(await receipts('key-1', 'key-2', 'key-4', 'key-5', 'key-7')).toMatchObject([
      { state: 'visible', visibility_token: last - 5 },
      { state: 'dead', visibility_token: last - 4, reason: expect.stringContaining('two') as string },
      { state: 'dead', visibility_token: last - 2, reason: 'its line in the body is malformed' },
      { state: 'dead', visibility_token: last - 1, reason: 'the body has another event in its place' },
      { state: 'visible' },
    ]);
    const { rows: incidents } = await sql.query(
      "SELECT type FROM incident_audit WHERE type = 'dead_letters'",
    );
    expect(incidents.length).toBeGreaterThan(0);

    const letters = (await deadLetters()).toSorted((a, b) => a.visibility_token - b.visibility_token);
    const ids = letters.map((letter) => letter.dead_letter_id);
    const replay = () => tenant.admin.post<Outcomes>('/v1/dead-letters/replay', { ids });
    const { results } = expectOk(await replay());
    expect(results).toMatchObject([
      { state: 'dead', reason: expect.stringContaining('found "two"') as string },
      { state: 'dead', reason: 'what is left of the event cannot be read' },
      { state: 'replayed' },
    ]);
    const token = results[2]?.visibility_token ?? 0;
    expect(token).toBeGreaterThan(written.body.max_visibility_token);
    expect(await rows(token)).toEqual([1, 3, 5, 6, 7]);
    expect(expectOk(await replay()).results[2]).toMatchObject({ state: 'replayed', visibility_token: token });
    // A retry of the client learns the token under which its event can be seen.
    expect((await tenant.writer.ingest('numbers', { records: [record(5)] })).body).toMatchObject({
      duplicate_count: 1,
      max_visibility_token: token,
    });
    const discarded = await tenant.admin.post('/v1/dead-letters/discard', { ids: ids.slice(0, 2) });
    expect(discarded).toMatchObject({ status: 200 });
    expect(await receipts('key-2', 'key-5')).toMatchObject([
      { state: 'discarded' },
      { state: 'visible', visibility_token: token },
    ]);
    expect(await deadLetters('?state=dead')).toEqual([]);
    expect(await rows(token)).toEqual([1, 3, 5, 6, 7]);
  });

  it('are quarantined at the door where the client asks for it, and the watermark passes them', async () => {
    const answer = await tenant.writer.ingest('numbers', {
      records: [record('ten'), record(11), record(null)],
      on_invalid: 'quarantine',
      wait_for_visibility: true,
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { accepted_count: 1, quarantined_count: 2, status: 'visible' },
    });
    expect(await rows(answer.body.max_visibility_token)).toContain(11);
    expect(await receipts('key-ten', 'key-11', 'key-null')).toMatchObject([
      { state: 'dead' },
      { state: 'visible' },
      { state: 'dead' },
    ]);
    const alone = await tenant.writer.ingest('numbers', {
      records: [record('none')],
      on_invalid: 'quarantine',
      wait_for_visibility: true,
    });
    expect(alone).toMatchObject({ status: 200, body: { accepted_count: 0, quarantined_count: 1 } });
  });
});
