import { Command, CommanderError, Option } from 'commander';
import { processEnvironment, VARIABLES } from '../config/index.js';
import { runDemo, type DemoOptions } from './demo/run-demo.js';

/** Where the service keeps its data when nothing says otherwise. */
const DATA_DIR = VARIABLES.TIDEMARK_DATA_DIR;

const key = (flag: string, role: string) => new Option(`${flag} <key>`, `key with the role ${role}`);

const program = new Command('npm run demo --')
  .description(
    'Loads real data into Tidemark over HTTP and asks questions about it.\n' +
      `Uses the service at --url, else the one that runs on the data dir (TIDEMARK_DATA_DIR, by default ${DATA_DIR.defaultText}),\n` +
      'else starts one there and leaves it running until Ctrl-C.',
  )
  .option('--url <url>', 'a running service')
  .addOption(key('--admin-key', 'table_admin'))
  .addOption(key('--writer-key', 'ingest_writer; the admin key when absent'))
  .addOption(key('--reader-key', 'query_reader; the admin key when absent'))
  .option('--exit', 'end when the answers are printed, and stop the service that was started')
  .exitOverride();

try {
  program.parse();
  process.exitCode = await runDemo(program.opts<DemoOptions>(), processEnvironment());
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
