// npm run test:faults: the fault harness. Its sources run as they are, with their types stripped.
import './testing/load-source.mjs';

const { run } = await import('../test/faults/run.ts');
process.exitCode = await run(process.argv.slice(2));
