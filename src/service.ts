import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { Settings } from './config/index.js';
import { createHttpAdapter, Draining, serveApiDocs } from './http/index.js';
import type { Logger } from './kernel/index.js';
import { nestLogger } from './nest-logger.js';
import { takeScratchFolder } from './scratch-folder.js';

/** The service cannot listen where its settings say. The message is for who starts it. */
export class ListenError extends Error {
  constructor({ host, port }: Settings['http'], fault: keyof typeof LISTEN_FAULTS, cause: unknown) {
    super(`Cannot listen on ${host}:${port}: ${LISTEN_FAULTS[fault]}`, { cause });
    this.name = 'ListenError';
  }
}

const LISTEN_FAULTS = {
  EADDRINUSE:
    'another process has the port. Stop it, or set TIDEMARK_HTTP_PORT to another port; 0 takes a free one.',
  EACCES: 'this user may not use the port. Set TIDEMARK_HTTP_PORT to one above 1023.',
  EADDRNOTAVAIL: 'that is no address of this machine. Set TIDEMARK_HTTP_HOST to one of its own.',
} as const;

/** A service that listens. */
export interface Service {
  readonly app: NestFastifyApplication;
  /** Where it listens, as `http://host:port`. */
  readonly url: string;
  /** Stops taking work, finishes or gives back what is under way, closes. Within the grace time, or it rejects. */
  stop(): Promise<void>;
}

/**
 * Starts the roles of the settings, whose database URL and keys must be filled in. Resolves when it listens.
 * `prepare` runs before the first loop does.
 */
export async function startService(
  given: Settings,
  logger: Logger,
  prepare: (app: NestFastifyApplication) => Promise<void> = () => Promise.resolve(),
): Promise<Service> {
  const { settings, remove: removeScratch } = await takeScratchFolder(given);
  let app: NestFastifyApplication | undefined;
  try {
    app = await NestFactory.create<NestFastifyApplication>(
      AppModule.forRoles(settings, logger),
      createHttpAdapter(settings.http, logger),
      { logger: nestLogger(logger), abortOnError: false },
    );
    serveApiDocs(app);
    await prepare(app);
    await listen(app, settings.http);
  } catch (error) {
    await app?.close().catch(() => undefined);
    await removeScratch();
    throw error;
  }
  const started = app;
  return {
    app: started,
    url: await started.getUrl(),
    stop: async () => {
      await stopWithin(started, settings.shutdownGraceMs);
      await removeScratch();
    },
  };
}

async function listen(app: NestFastifyApplication, http: Settings['http']): Promise<void> {
  try {
    await app.listen(http.port, http.host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES' || code === 'EADDRNOTAVAIL')
      throw new ListenError(http, code, error);
    throw error;
  }
}

async function stopWithin(app: NestFastifyApplication, graceMs: number): Promise<void> {
  app.get(Draining).begin();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not everything ended within ${graceMs} ms`)), graceMs);
  });
  try {
    await Promise.race([app.close(), late]);
  } finally {
    clearTimeout(timer);
  }
}
