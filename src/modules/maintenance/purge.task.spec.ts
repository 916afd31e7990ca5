import { Registry } from 'prom-client';
import type { Transactions } from '../../database/index.js';
import { createLogger, systemClock } from '../../kernel/index.js';
import type { DeadLetterUpkeep, LedgerUpkeep, UpkeepReport } from '../bus/index.js';
import { PurgeMetrics } from './purge-metrics.js';
import { PurgeTask } from './purge.task.js';

const REPORT: UpkeepReport = {
  rotated: ['24h'],
  droppedLeaves: ['a', 'b'],
  leavesInUse: [],
  putOff: [],
  purgedClaims: 3,
  generations: [],
};

it('tells of what was rotated and dropped also where the dead letters cannot be purged', async () => {
  const registry = new Registry();
  let recordedRuns = 0;
  const task = new PurgeTask(
    { runOnce: () => Promise.resolve(REPORT) } as unknown as LedgerUpkeep,
    {
      runOnce: () => Promise.reject(new Error('the statement took too long')),
    } as unknown as DeadLetterUpkeep,
    { pooled: () => Promise.resolve(void (recordedRuns += 1)) } as unknown as Transactions,
    new PurgeMetrics(registry),
    systemClock,
    createLogger('silent'),
    { purgeCron: '0 0 1 1 *' } as ConstructorParameters<typeof PurgeTask>[6],
  );
  await task.run();
  const metrics = await registry.metrics();
  expect(metrics).toContain('tidemark_ledger_leaves_dropped_total 2');
  expect(metrics).toContain('tidemark_claims_purged_total 3');
  expect(recordedRuns).toBe(1);
});
