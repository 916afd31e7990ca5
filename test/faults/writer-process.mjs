// A process of writers: its parent sends it a task, see writer-fleet.ts.
import '../../scripts/testing/load-source.mjs';

const { runTask } = await import('./writer-process.ts');
process.on('message', runTask());
process.once('disconnect', () => process.exit());
