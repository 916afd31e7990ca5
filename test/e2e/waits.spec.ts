import { createTable, TestService, type TestTenant } from '../support/service.js';
import { expectOk } from '../support/service-client.js';

const USUAL_MS = 100;
const LONGEST_MS = 200;
/** Far above what the server lets a request wait, and above what a test may take. */
const ASKED_MS = 3_600_000;

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  // Without a coordinator nothing becomes visible.
  service = await TestService.start({
    roles: 'api',
    env: {
      TIDEMARK_VISIBILITY_TIMEOUT_MS: String(USUAL_MS),
      TIDEMARK_VISIBILITY_MAX_TIMEOUT_MS: String(LONGEST_MS),
    },
  });
  tenant = await service.createTenant();
  await createTable(tenant.tableAdmin, 'events', [{ name: 'id', type: 'int' }]);
});
afterAll(() => service.dispose());

let written = 0;
const records = () => [{ idempotency_key: `e${++written}`, payload: { id: written } }];

describe('a wait that is longer than the server lets a request wait', () => {
  it.each([
    ['is cut', { visibility_timeout_ms: ASKED_MS }, LONGEST_MS],
    ['stays as it is where it is shorter', { visibility_timeout_ms: 7 }, 7],
    ['is not meant where none is named', {}, USUAL_MS],
  ])('%s, and the answer to a write says so', async (_, asked, waitedMs) => {
    const answer = await tenant.writer.ingest('events', {
      records: records(),
      wait_for_visibility: true,
      ...asked,
    });
    expect(answer).toMatchObject({
      status: 202,
      body: { status: 'accepted', visibility_timeout_ms: waitedMs },
    });
  });

  it.each([
    ['is cut', { consistency_timeout_ms: ASKED_MS }, LONGEST_MS],
    ['stays as it is where it is shorter', { consistency_timeout_ms: 7 }, 7],
    ['is not meant where none is named', {}, USUAL_MS],
  ])('%s, and the answer to a query says so', async (_, asked, waitedMs) => {
    const { max_visibility_token: token } = expectOk(
      await tenant.writer.ingest('events', { records: records() }),
    );
    const answer = await tenant.reader.query('SELECT 1', { min_visibility_token: token, ...asked });
    expect(answer).toMatchObject({
      status: 504,
      body: {
        error_code: 'CONSISTENCY_TIMEOUT',
        context: { min_visibility_token: token, consistency_timeout_ms: waitedMs },
      },
    });
  });
});
