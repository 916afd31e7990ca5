import { resolve } from 'node:path';
import { VARIABLES, type Environment } from '../../config/index.js';
import { OwnService } from './own-service.js';
import { findRunningService, isHealthy, readCredentials, type ServiceAccess } from './service-access.js';
import { showDemo } from './show.js';
import { whatNext } from './what-next.js';

export interface DemoOptions {
  readonly url?: string;
  readonly writerKey?: string;
  readonly readerKey?: string;
  readonly adminKey?: string;
  readonly exit?: boolean;
}

/** A use that cannot work. */
class UsageError extends Error {}

/** Answers the exit code: 130 after Ctrl-C before the end. Rejects with a message to print. */
export async function runDemo(options: DemoOptions, env: Environment): Promise<number> {
  const dataDir = resolve(VARIABLES.TIDEMARK_DATA_DIR.schema.parse(env.TIDEMARK_DATA_DIR || undefined));
  const found = await findService(options, dataDir);
  if (found !== undefined) {
    console.log(`Using the service at ${found.url}`);
    await showDemo(found, new AbortController().signal);
    console.log(whatNext(found, true));
    return 0;
  }
  return runWithOwnService(options, env, dataDir);
}

async function runWithOwnService(options: DemoOptions, env: Environment, dataDir: string): Promise<number> {
  if (env.TIDEMARK_DATABASE_URL || env.TIDEMARK_DATABASE_URL_FILE) {
    throw new UsageError(
      'TIDEMARK_DATABASE_URL is set and no service was found: start it with npm start, then give --url and --admin-key.',
    );
  }
  const stopping = firstSignal();
  console.log(`No service runs here. Starting one with its data in ${dataDir}`);
  const service = await OwnService.start(env, dataDir);
  stopping.onRepeat(() => service.kill());
  try {
    const work = async () => {
      const access = await service.ready(stopping.signal);
      console.log(`Tidemark listens on ${access.url}`);
      await showDemo(access, stopping.signal);
      return access;
    };
    const access = await Promise.race([work(), stopping.aborted]);
    if (access === undefined) return 130;
    console.log(whatNext(access, options.exit !== true));
    if (options.exit === true) return 0;
    console.log('\nThe service goes on. Stop it with Ctrl-C.');
    await Promise.race([service.watch(), stopping.aborted]);
    return 0;
  } finally {
    await service.stop();
    console.log('The service has stopped. Its data stay for the next start.');
  }
}

async function findService(options: DemoOptions, dataDir: string): Promise<ServiceAccess | undefined> {
  if (options.url === undefined) {
    if (options.adminKey !== undefined) throw new UsageError('--admin-key goes with --url.');
    return findRunningService(dataDir);
  }
  const url = options.url.replace(/\/+$/, '');
  if (!(await isHealthy(url))) throw new UsageError(`${url}/v1/health does not answer.`);
  const { adminKey, writerKey = adminKey, readerKey = adminKey } = options;
  if (adminKey !== undefined && writerKey !== undefined && readerKey !== undefined) {
    return { url, adminKey, writerKey, readerKey };
  }
  const credentials = await readCredentials(dataDir);
  if (credentials?.url === url) return credentials;
  throw new UsageError(
    '--url needs --admin-key, and --writer-key and --reader-key where that key has not all roles.',
  );
}

interface Stopping {
  readonly signal: AbortSignal;
  /** Resolves with the first signal. */
  readonly aborted: Promise<undefined>;
  onRepeat(act: () => void): void;
}

/** npm passes Ctrl-C on a second time, so that a repeat counts only after a while. */
const REPEAT_AFTER_MS = 1_000;

function firstSignal(): Stopping {
  const controller = new AbortController();
  const { signal } = controller;
  let firstAt = 0;
  let repeated = () => undefined as void;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!signal.aborted) firstAt = Date.now();
      else if (Date.now() - firstAt > REPEAT_AFTER_MS) repeated();
      controller.abort();
    });
  }
  return {
    signal,
    aborted: new Promise((resolve) =>
      signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    ),
    onRepeat: (act) => (repeated = act),
  };
}
