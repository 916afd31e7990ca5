import { createTable, TestService } from '../support/service.js';
import { expectOk, type IngestAnswer, type ServiceClient } from '../support/service-client.js';
import { until } from '../support/until.js';

/** Short, so that a new process soon takes over what a killed one had claimed. */
const LEASE = { TIDEMARK_LEASE_MS: '1000' };
const COLUMNS = [{ name: 'id', type: 'string', nullable: false }];
const WAIT = { consistency_timeout_ms: 30_000 };

let service: TestService;
afterEach(() => service.dispose());

interface Sent {
  readonly key: string;
  readonly ids: readonly string[];
  /** Undefined where the answer was lost. */
  answer: IngestAnswer | undefined;
}

/** Sends requests until one fails, and remembers each with its answer. */
async function writeUntilItFails(writer: ServiceClient, name: string, sent: Sent[]): Promise<void> {
  for (let i = 0; ; i += 1) {
    const key = `${name}-${i}`;
    const request: Sent = {
      key,
      ids: Array.from({ length: 20 }, (_, n) => `${key}-${n}`),
      answer: undefined,
    };
    sent.push(request);
    try {
      request.answer = expectOk(await send(writer, request));
    } catch {
      return;
    }
  }
}

const send = (writer: ServiceClient, { key, ids }: Sent) =>
  writer.ingest('events', { records: ids.map((id) => ({ payload: { id } })) }, { 'Idempotency-Key': key });

/** Repeats every request: what was acknowledged must be known by its token. Answers the highest token. */
async function repeatAll(writer: ServiceClient, sent: readonly Sent[]): Promise<number> {
  let highest = 0;
  for (const request of sent) {
    const again = expectOk(await send(writer, request));
    if (request.answer !== undefined) {
      const { max_visibility_token } = request.answer;
      expect(again).toMatchObject({
        accepted_count: 0,
        duplicate_count: request.ids.length,
        max_visibility_token,
      });
    }
    highest = Math.max(highest, again.max_visibility_token);
  }
  return highest;
}

it('loses nothing that was acknowledged and shows nothing twice after kill -9, on its own data dir', async () => {
  service = await TestService.start({ databaseUrl: 'embedded', env: LEASE });
  const keys = service.credentials().keys;
  // The table that the first start made has other columns too.

  const sent: Sent[] = [];
  for (const round of ['a', 'b']) {
    const client = () => service.client(service.credentials().keys.admin);
    const already = sent.length;
    const writers = [0, 1, 2].map((n) => writeUntilItFails(client(), `${round}${n}`, sent));
    await until(
      'some requests to be acknowledged',
      20_000,
      () => sent.slice(already).filter(({ answer }) => answer).length > 60,
    );
    await service.kill();
    await Promise.all(writers);
    await service.launch();
    // The keys are what they were.
    expect(service.credentials().keys).toEqual(keys);
    const token = await repeatAll(client(), sent);
    const [row] = await client().rows('SELECT count(*), count(DISTINCT id) FROM events', {
      min_visibility_token: token,
      ...WAIT,
    });
    const ids = sent.reduce((sum, request) => sum + request.ids.length, 0);
    expect(row).toEqual([ids, ids]);
  }
  await service.stop();
});

it.each(['ingest.committed', 'commit.claimed', 'commit.pending_row', 'commit.uploaded', 'commit.published'])(
  'bears a kill at %s',
  async (point) => {
    service = await TestService.start({ env: { ...LEASE, TIDEMARK_FAILPOINTS: `${point}=kill` } });
    const tenant = await service.createTenant();
    await createTable(tenant.tableAdmin, 'events', COLUMNS);
    const request: Sent = { key: 'once', ids: ['a', 'b', 'c'], answer: undefined };
    request.answer = await send(tenant.writer, request).then(expectOk, () => undefined);
    await until('the service to be killed', 20_000, () => service.hasEnded);

    await service.launch({ TIDEMARK_FAILPOINTS: '' });
    const token = await repeatAll(tenant.writer.at(service.url), [request]);
    const more = { min_visibility_token: token, ...WAIT };
    const rows = await tenant.reader.at(service.url).rows('SELECT id FROM events ORDER BY id', more);
    expect(rows).toEqual([['a'], ['b'], ['c']]);
  },
);
