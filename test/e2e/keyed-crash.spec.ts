import { TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';
import { until } from '../support/until.js';

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await TestService.start({ env: { TIDEMARK_LEASE_MS: '1000' } });
  tenant = await service.createTenant();
  const columns = [
    { name: 'id', type: 'long' },
    { name: 'v', type: 'string' },
  ];
  expectOk(
    await tenant.tableAdmin.post('/v1/tables', {
      table_name: 't',
      primary_key_cols: ['id'],
      schema: { columns },
    }),
  );
});

afterAll(() => service.dispose());

type Rows = readonly (readonly unknown[])[];
const ALL = 'SELECT id, v FROM t ORDER BY id';

/** What each snapshot that was seen had. */
const seen: { snapshot: number; rows: Rows }[] = [];
const table = new Map<number, string>();

/** A row that stays, one that changes, one that goes and one that comes; sent again after the kill. */
function roundOf(point: string, round: number) {
  const at = `${point} ${round}`;
  table
    .set(round, at)
    .set(1_000, at)
    .delete(round - 1);
  return [
    { op: 'upsert', payload: { id: round, v: 'first' } },
    { op: 'upsert', payload: { id: 1_000, v: at } },
    { op: 'delete', payload: { id: round } },
    { op: 'upsert', payload: { id: round, v: at } },
    { op: 'delete', payload: { id: round - 1 } },
    // Nobody has it.
    { op: 'delete', payload: { id: -2 - round } },
  ];
}

describe('the two files of a commit', () => {
  it.each(
    [
      'commit.pending_row=kill',
      // Between the two, and after both.
      'commit.uploaded=kill',
      'commit.uploaded=kill@1',
    ].map((failpoint, round) => [failpoint, round] as const),
  )('are there both or not at all, and once, after %s', async (failpoint, round) => {
    await service.stop();
    await service.launch({ TIDEMARK_FAILPOINTS: failpoint });
    const records = roundOf(failpoint, round);
    const send = () =>
      tenant.writer.at(service.url).ingest('t', { records }, { 'Idempotency-Key': `round-${round}` });
    // The kill may come before the answer.
    const first = await send().then(expectOk, () => undefined);
    await until('the service to be killed', 20_000, () => service.hasEnded);

    await service.launch({ TIDEMARK_FAILPOINTS: '' });
    const again = expectOk(await send());
    const { max_visibility_token } = again;
    expect(again).toMatchObject({
      accepted_count: 0,
      ...(first && { max_visibility_token: first.max_visibility_token }),
    });
    const reader = tenant.reader.at(service.url);
    const answer = expectOk(
      await reader.query(ALL, { min_visibility_token: max_visibility_token, consistency_timeout_ms: 30_000 }),
    );
    expect(answer.rows).toEqual([...table].sort(([a], [b]) => a - b));
    for (const { snapshot, rows } of seen) {
      expect(await reader.rows(ALL, { snapshot_id: snapshot })).toEqual(rows);
    }
    seen.push({ snapshot: answer.snapshot_id, rows: answer.rows });
  });
});
