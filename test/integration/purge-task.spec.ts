import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { createDataSource, Transactions } from '../../src/database/index.js';
import { createLogger, systemClock } from '../../src/kernel/index.js';
import { DeadLetterUpkeep } from '../../src/modules/bus/index.js';
import { PurgeMetrics } from '../../src/modules/maintenance/purge-metrics.js';
import { PurgeTask } from '../../src/modules/maintenance/purge.task.js';
import { age, upkeepOn } from '../support/ledger.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

let database: TestDatabase;
let dataSource: DataSource;
let registry: Registry;
let task: PurgeTask;

beforeEach(async () => {
  database = await createTestDatabase();
  dataSource = await createDataSource(database.url, { poolMax: 2, entities: [] }).initialize();
  registry = new Registry();
  const transactions = new Transactions(dataSource);
  task = new PurgeTask(
    upkeepOn(dataSource),
    new DeadLetterUpkeep(transactions, { deadLetterRetentionMs: 1000 }),
    transactions,
    new PurgeMetrics(registry),
    systemClock,
    createLogger('silent'),
    { purgeCron: '0 0 1 1 *' } as ConstructorParameters<typeof PurgeTask>[6],
  );
  // A new database has a leaf that nobody needs.
  await upkeepOn(dataSource).runOnce();
});
afterEach(async () => {
  await dataSource.destroy();
  await database.drop();
});

const runs = () =>
  dataSource.query<{ progress: object }[]>('SELECT kind, requested_by, state, progress FROM maintenance_run');

it('leaves no row where there was nothing to do', async () => {
  await task.run();
  expect(await runs()).toEqual([]);
  expect(await registry.metrics()).toContain('tidemark_dead_letters 0');
});

it('tells of what was rotated and dropped also where the dead letters cannot be purged', async () => {
  await age(dataSource, 'body');
  await dataSource.query(
    `INSERT INTO ingest_claim_batch (tenant_id, consumer, base_token, last_token, lease_until, claimed_at, state)
     SELECT 'gone', 'test', n, n + 1, now(), now() - interval '2 days', 'acked' FROM generate_series(1, 3) n`,
  );
  await dataSource.query('ALTER TABLE dead_letter RENAME TO dead_letter_away');
  await task.run();
  expect(await runs()).toEqual([
    {
      kind: 'purge',
      requested_by: 'schedule',
      state: 'succeeded',
      progress: {
        rotated: ['body'],
        dropped_leaves: ['ingest_body_1'],
        leaves_in_use: [],
        put_off: [],
        purged_claims: 3,
        purged_dead_letters: { dead: 0, replayed: 0, discarded: 0 },
      },
    },
  ]);
  const metrics = await registry.metrics();
  expect(metrics).toContain('tidemark_ledger_leaves_dropped_total 1');
  expect(metrics).toContain('tidemark_claims_purged_total 3');
});
