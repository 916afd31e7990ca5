// A process that owns an embedded Postgres, as the service does. Arguments: the data dir. Reports over IPC.
import '../../scripts/testing/load-source.mjs';

const { startEmbedded } = await import('../../src/embedded/embedded.ts');

const log = (facts, text) => process.send({ log: text ?? facts });
const settings = { dataDir: process.argv[2], database: { poolMax: 5 }, tenancy: {} };

try {
  const embedded = await startEmbedded(settings, { info: log, warn: log, error: log });
  const stop = () =>
    embedded.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  process.once('SIGTERM', stop);
  // The test that started it was killed.
  process.once('disconnect', stop);
  process.channel.ref();
  process.send({ ready: { settings: embedded.settings, notes: embedded.notes } });
} catch (error) {
  process.send({ refused: `${error.name}: ${error.message}` }, () => process.exit(1));
}
