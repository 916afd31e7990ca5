import type { INestApplicationContext } from '@nestjs/common';
import { processEnvironment, loadSettings, SettingsError, type Settings } from './config/index.js';
import {
  EmbeddedError,
  ensureCredentials,
  startEmbedded,
  welcomeText,
  type Embedded,
} from './embedded/index.js';
import { createFirstTenant } from './first-tenant.js';
import { DatabaseStartError, Transactions } from './database/index.js';
import { armFailpoints, createLogger, type Logger } from './kernel/index.js';
import { endLeases } from './modules/bus/index.js';
import { ListenError, startService, type Service } from './service.js';

const USAGE = `Usage: npm start

Starts Tidemark. All settings come from the environment: see docs/configuration.md.
Without TIDEMARK_DATABASE_URL it starts a Postgres of its own and keeps its data in ./.tidemark.
`;

/** Runs the process's roles until a signal. Sets the exit code: 0 after a clean stop, 1 after a fault, 2 for bad use. */
export async function runService(args: readonly string[]): Promise<void> {
  if (args.length > 0) {
    const help = args.includes('--help') || args.includes('-h');
    (help ? process.stdout : process.stderr).write(help ? USAGE : `Tidemark takes no arguments.\n\n${USAGE}`);
    process.exitCode = help ? 0 : 2;
    return;
  }
  let logger: Logger | undefined;
  try {
    const settings = loadSettings(processEnvironment());
    armFailpoints(settings.failpoints);
    logger = createLogger(settings.logLevel, { roles: settings.roles.join(',') });
    await runUntilSignal(settings, logger);
  } catch (error) {
    reportFault(error, logger);
    process.exitCode = 1;
    // A child or a socket that a failed start left open must not keep a dead service alive.
    setTimeout(() => process.exit(), 2000).unref();
  }
}

async function runUntilSignal(settings: Settings, logger: Logger): Promise<void> {
  const stopping = firstSignal();
  let embedded: Embedded | undefined;
  let service: Service | undefined;
  try {
    if (settings.database.url === undefined) embedded = await startEmbedded(settings, logger);
    const complete = embedded?.settings ?? settings;
    warnOfLocalObjects(complete, embedded, logger);
    if (!stopping.aborted) {
      service = await startService(complete, logger, (app) => endLeasesOfTheDead(app, embedded));
      if (embedded !== undefined && complete.roles.includes('api'))
        await welcome(service, complete, embedded);
      else logger.info({ url: service.url }, 'Tidemark listens');
      await aborted(stopping);
      logger.info('stopping');
    }
  } finally {
    try {
      await service?.stop();
    } finally {
      await embedded?.stop();
    }
  }
  logger.info('stopped');
}

async function welcome(service: Service, settings: Settings, embedded: Embedded): Promise<void> {
  const credentials = await ensureCredentials(
    settings.dataDir,
    service.url,
    () => createFirstTenant(service.app),
    settings.tenancy.platformKey ?? '',
  );
  process.stdout.write(welcomeText({ dataDir: settings.dataDir, credentials, notes: embedded.notes }));
}

/** The embedded Postgres is this process's alone, so a lease in it is of a process that was killed. */
async function endLeasesOfTheDead(
  app: INestApplicationContext,
  embedded: Embedded | undefined,
): Promise<void> {
  if (embedded !== undefined) await app.get(Transactions).pooled((pool) => endLeases(pool));
}

function warnOfLocalObjects(settings: Settings, embedded: Embedded | undefined, logger: Logger): void {
  if (embedded !== undefined || settings.storage.store.kind === 's3') return;
  logger.warn(
    { directory: settings.storage.store.directory },
    'objects are kept in a local folder, which only this one process may use: set TIDEMARK_S3_BUCKET for more',
  );
}

/** npm hands a terminal's Ctrl-C on to its child, which had it already: signals this close count as one. */
const SAME_SIGNAL_MS = 1000;

/** Aborts with the first SIGTERM or SIGINT; a second one ends the process at once. */
function firstSignal(): AbortSignal {
  const controller = new AbortController();
  let firstAt = 0;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (!controller.signal.aborted) {
        firstAt = Date.now();
        controller.abort();
      } else if (Date.now() - firstAt > SAME_SIGNAL_MS) {
        process.exit(name === 'SIGINT' ? 130 : 143);
      }
    });
  }
  return controller.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** What the operator can mend is told in plain words; anything else goes to the log with its stack. */
function reportFault(error: unknown, logger: Logger | undefined): void {
  const plain = [SettingsError, EmbeddedError, DatabaseStartError, ListenError].some(
    (type) => error instanceof type,
  );
  if (plain || logger === undefined) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  } else {
    logger.fatal({ err: error }, 'Tidemark cannot go on');
  }
}
