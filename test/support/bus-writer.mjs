// A process of its own with a bus. Its parent sends { url, appends } once and is sent the answers in the same order.
import './bus-source.mjs';

const { createDataSource, Transactions } = await import('../../src/database/index.ts');
const { PostgresIngestBus } = await import('../../src/modules/bus/ingest-bus.postgres.ts');

process.once('message', ({ url, appends }) => {
  answer(url, appends).catch((error) => {
    console.error(error);
    process.exitCode = 1;
    process.disconnect();
  });
});
process.send('ready');

/** Each of `appends` is a list of requests that are sent at once; the next begins when all are answered. */
async function answer(url, appends) {
  const dataSource = await createDataSource(url, { poolMax: 4 }).initialize();
  const bus = new PostgresIngestBus(dataSource, new Transactions(dataSource));
  const answers = [];
  for (const together of appends) {
    answers.push(
      await Promise.all(
        together.map((request) =>
          bus
            .append({ ...request, revalidate: () => Promise.reject(new Error('no epoch was raised')) })
            .catch((error) => ({ code: error.code ?? String(error) })),
        ),
      ),
    );
  }
  await dataSource.destroy();
  process.send(answers, () => process.disconnect());
}
