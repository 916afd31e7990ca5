import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { Settings } from './config/index.js';
import { createHttpAdapter, Draining, serveApiDocs } from './http/index.js';
import type { Logger } from './kernel/index.js';
import { nestLogger } from './nest-logger.js';
import { takeScratchFolder } from './scratch-folder.js';

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
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoles(settings, logger),
    createHttpAdapter(settings.http, logger),
    { logger: nestLogger(logger), abortOnError: false },
  );
  try {
    serveApiDocs(app);
    await prepare(app);
    await app.listen(settings.http.port, settings.http.host);
  } catch (error) {
    await app.close().catch(() => undefined);
    await removeScratch();
    throw error;
  }
  return {
    app,
    url: await app.getUrl(),
    stop: async () => {
      await stopWithin(app, settings.shutdownGraceMs);
      await removeScratch();
    },
  };
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
