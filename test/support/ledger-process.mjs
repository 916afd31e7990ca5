// A process of its own that works on the ledger until it is told to stop. Its parent sends { url, divisor, role } once,
// then 'stop', and is sent what became of the work.
import './bus-source.mjs';

const { createDataSource, Transactions } = await import('../../src/database/index.ts');
const { systemClock } = await import('../../src/kernel/index.ts');
const { LedgerUpkeep } = await import('../../src/modules/bus/ledger-upkeep.ts');
const { PostgresIngestBus } = await import('../../src/modules/bus/ingest-bus.postgres.ts');

const AT_ONCE = 8;
let stopped = false;

process.once('message', (task) => {
  process.once('message', () => (stopped = true));
  run(task).catch((error) => {
    console.error(error);
    process.exitCode = 1;
    process.disconnect();
  });
});
process.send('ready');

async function run(task) {
  const dataSource = await createDataSource(task.url, { poolMax: 4 }).initialize();
  const transactions = new Transactions(dataSource);
  const result =
    task.role === 'upkeep'
      ? await keepUp(new LedgerUpkeep(transactions, systemClock, { windowDivisor: task.divisor }))
      : await write(new PostgresIngestBus(dataSource, transactions), task);
  await dataSource.destroy();
  process.send(result, () => process.disconnect());
}

async function keepUp(upkeep) {
  const rotated = [];
  const droppedLeaves = [];
  while (!stopped) {
    const report = await upkeep.runOnce();
    rotated.push(...report.rotated);
    droppedLeaves.push(...report.droppedLeaves);
    await systemClock.sleep(20);
  }
  return { rotated, droppedLeaves };
}

/**
 * Appends the request that it is given, with the keys of some set of them: every second time with those of the moment,
 * which all processes send at once, else with those of sets that come again. Answers [set, token, accepted] for each
 * append that was acknowledged.
 */
async function write(bus, { request, sets, momentMs }) {
  const answers = [];
  let next = 0;
  const writer = async () => {
    while (!stopped) {
      next += 1;
      const set = next % 2 === 0 ? `m${Math.floor(Date.now() / momentMs)}` : `s${next % sets}`;
      const records = request.records.map((record, n) => ({ ...record, key: `${set}-${n}` }));
      const revalidate = () => Promise.reject(new Error('no epoch was raised'));
      const ack = await bus.append({ ...request, records, revalidate });
      answers.push([set, ack.maxVisibilityToken, ack.acceptedCount]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writer));
  return answers;
}
